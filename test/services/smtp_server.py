"""A mail server (aiosmtpd) that keeps nothing: each message that it takes is a line of JSON on its standard output.

usage: smtp_server.py PORT plain|starttls|implicit [CERTIFICATE KEY]

With TLS it wants the user "millwright" with the password "pässword". How it treats a recipient is its name:
later-N@ is refused with 451 the first N times, gone@ with 550 always; full@ and spam@ are refused with the content, by 452
and 554; cut@ is taken, and the connection cut before the answer, the first time.
"""
import asyncio
import json
import ssl
import sys
from collections import Counter

from aiosmtpd.smtp import SMTP, AuthResult

port, mode = int(sys.argv[1]), sys.argv[2]
seen = Counter()


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        seen[address] += 1
        if name == "gone":
            return "550 5.1.1 no such user"
        if name.startswith("later-") and seen[address] <= int(name.split("-")[1]):
            return "451 4.7.1 greylisted, come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        names = [address.split("@")[0] for address in envelope.rcpt_tos]
        if "full" in names:
            return "452 4.2.2 mailbox full"
        if "spam" in names:
            return "554 5.7.1 looks like spam"
        message = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None or mode == "implicit",
            "user": (session.auth_data or {}).get("user"),
            "text": envelope.content.decode(),
        }
        print(json.dumps(message), flush=True)
        if "cut" in names and not seen["was cut"]:
            seen["was cut"] += 1
            server.transport.abort()
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    good = data.login == b"millwright" and data.password == "pässword".encode()
    return AuthResult(success=good, handled=False, auth_data={"user": data.login.decode()} if good else None)


async def main():
    context = None
    if mode != "plain":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
    handler = Handler()
    make = lambda: SMTP(
        handler,
        hostname="mail.example",
        tls_context=context if mode == "starttls" else None,
        require_starttls=mode == "starttls",
        auth_required=mode != "plain",
        auth_require_tls=mode == "starttls",
        authenticator=authenticate,
        enable_SMTPUTF8=True,
    )
    server = await asyncio.get_running_loop().create_server(
        make, "127.0.0.1", port, ssl=context if mode == "implicit" else None
    )
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
