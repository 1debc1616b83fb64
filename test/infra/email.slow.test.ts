// E-mail, to a real server of foreign make: what arrives, and what becomes of every answer.
import { strict as assert } from 'node:assert';
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { relative } from 'node:path';
import { after, test } from 'node:test';
import { alertsConfigSchema } from '../../alerts/config.js';
import type { Notifier } from '../../alerts/ports.js';
import { wallClock } from '../../domain/clock.js';
import { WorldError } from '../../domain/errors.js';
import type { NotificationRecord } from '../../domain/notification.js';
import { Rng } from '../../domain/rng.js';
import { makeNotifiers } from '../../infra/notify/make-notifiers.js';
import { alertOf, DeliveryYard, noticeOf } from '../alerts/delivery-yard.js';
import { makePlant, removePlant, trainPumps } from '../scenarios/plant.js';
import { PumpTraffic } from '../scenarios/pump-traffic.js';
import { makeCertificates } from '../services/certificates.js';
import { freePort, skipWithout } from '../services/service.js';
import { type Mail, startSmtp } from '../services/smtp.js';

const certificates = makeCertificates();
const smtp = await startSmtp('plain');
const encrypted = await startSmtp('starttls', certificates);
const implicit = await startSmtp('implicit', certificates);
after(() => Promise.all([smtp, encrypted, implicit].map((server) => server?.stop())));
const skip = skipWithout(smtp, 'SMTP server');
const never = new AbortController().signal;

function mailTo(to: readonly string[], over: object = {}): Notifier {
  const { notifiers } = alertsConfigSchema.parse({
    notifiers: [
      {
        kind: 'email',
        name: 'mail',
        host: '127.0.0.1',
        port: smtp?.port,
        tls: 'none',
        from: 'plant@example.com',
        to: [...to],
        timeoutMs: '30s',
        ...over,
      },
    ],
  });
  const deps = { logger: { info: () => {}, warn: () => {} }, clock: wallClock, publish: undefined };
  return makeNotifiers(notifiers, deps)[0] as Notifier;
}

const failure = (
  notifier: Notifier,
  notice: NotificationRecord = noticeOf(alertOf(0)),
): Promise<WorldError> =>
  notifier.send(notice, never).then(
    () => assert.fail('it was delivered'),
    (error: unknown) => {
      assert.ok(error instanceof WorldError, String(error));
      return error;
    },
  );

/** Lines that are continued joined, as RFC 5322 has it. */
function headerOf({ text }: Mail, name: string): string | undefined {
  const head = text.slice(0, text.indexOf('\r\n\r\n')).replace(/\r\n(?=[ \t])/g, '');
  return head
    .split('\r\n')
    .find((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
    ?.slice(name.length + 1)
    .trim();
}
const bodyOf = ({ text }: Mail): string => text.slice(text.indexOf('\r\n\r\n') + 4);

/** The mails that the server takes meanwhile. */
async function mailsOf(count: number, act: () => Promise<unknown>): Promise<readonly Mail[]> {
  const before = smtp?.mails.length ?? 0;
  await act();
  await smtp?.arrived(before + count);
  return smtp?.mails.slice(before) ?? [];
}

test('an e-mail has the sentence, the link, and an id made of the key; those of an alert are a thread', {
  skip,
}, async () => {
  const notifier = mailTo(['kim@example.com', 'lee@example.com'], { pageUrl: 'https://plant.example/' });
  const summary = 'unit-84 is likely to fail.\r\nBcc: eve@example.com';
  const notices = [
    noticeOf(alertOf(0, { summary })),
    noticeOf(alertOf(1)),
    noticeOf(alertOf(0, { summary })),
  ];
  const [first, second, again] = (await mailsOf(3, async () => {
    for (const notice of notices) await notifier.send(notice, never);
  })) as [Mail, Mail, Mail];
  assert.deepEqual([first.from, first.to], ['plant@example.com', ['kim@example.com', 'lee@example.com']]);
  assert.equal(headerOf(first, 'Subject'), 'unit-84 is likely to fail. Bcc: eve@example.com');
  assert.equal(headerOf(first, 'Bcc'), undefined, 'a summary makes no header');
  assert.equal(headerOf(first, 'From'), 'plant@example.com');
  assert.equal(headerOf(first, 'To'), 'kim@example.com, lee@example.com');
  assert.equal(headerOf(first, 'Auto-Submitted'), 'auto-generated');
  assert.match(headerOf(first, 'Message-ID') as string, /^<[0-9a-f]{40}@example\.com>$/);
  assert.equal(bodyOf(first), `${summary}\r\n\r\nhttps://plant.example/alerts/near%2Funit-84%2F1000\r\n`);
  assert.equal(headerOf(again, 'Message-ID'), headerOf(first, 'Message-ID'));
  assert.notEqual(headerOf(second, 'Message-ID'), headerOf(first, 'Message-ID'));
  assert.equal(headerOf(second, 'References'), headerOf(first, 'References'));
});

test('a group is told alert by alert, in any script', { skip }, async () => {
  const alerts = Array.from({ length: 40 }, (_, index) =>
    alertOf(0, {
      machine: `Förderband ${index}`,
      summary: `Förderband ${index} fällt aus → ${'!'.repeat(90)}`,
    }),
  );
  const notice = {
    ...noticeOf(alerts[0] as never),
    group: { line: 'süd' },
    alerts,
    changed: 40,
    summary: '40 alerts of line süd.',
  };
  const [mail] = (await mailsOf(1, () => mailTo(['kim@example.com']).send(notice, never))) as [Mail];
  assert.match(headerOf(mail, 'Subject') as string, /^=\?UTF-8\?Q\?40_alerts_of_line_s=C3=BCd(\.|=2E)\?=$/);
  assert.equal(headerOf(mail, 'Content-Transfer-Encoding'), 'quoted-printable');
  const bytes = bodyOf(mail)
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const text = Buffer.from(bytes, 'latin1').toString();
  assert.equal(text.split('\r\n').filter((line) => line.startsWith('• Förderband')).length, 40);
});

const answers: readonly (readonly [string, string, boolean, RegExp])[] = [
  ['gone', 'rejected', false, /gone@example\.com is refused \(550 5\.1\.1 no such user\)$/],
  ['later-1', 'unreachable', true, /later-1@example\.com is refused \(451 4\.7\.1 greylisted, come again\)$/],
  ['full', 'unreachable', true, /: 452 4\.2\.2 mailbox full$/],
  ['spam', 'rejected', false, /: 554 5\.7\.1 looks like spam$/],
];
for (const [name, code, retryable, message] of answers)
  test(`who is ${name} is ${code}, to be ${retryable ? 'tried again' : 'left'}`, { skip }, async () => {
    const error = await failure(mailTo([`${name}@example.com`]));
    assert.deepEqual([error.code, error.retryable], [code, retryable]);
    assert.match(error.message, message);
    assert.ok(error.message.startsWith(`notifier "mail": 127.0.0.1:${smtp?.port}: `), error.message);
  });

test('those who took it are not told again while others are tried again, and who never takes it is named', {
  skip,
}, async () => {
  const to = ['kim@example.com', 'later-2@example.net', 'gone@example.com'];
  const yard = new DeliveryYard(mailTo(to));
  yard.append(alertOf(0, { alertId: 'near/x/1' }));
  const mails = await mailsOf(2, () => yard.run());
  assert.deepEqual(
    mails.map(({ to: taken }) => taken),
    [['kim@example.com'], ['later-2@example.net']],
  );
  const [undelivered] = yard.undelivered();
  assert.deepEqual([undelivered?.why, undelivered?.attempts], ['refused', 3]);
  assert.match(undelivered?.error ?? '', /: gone@example\.com is refused \(550 5\.1\.1 no such user\)$/);
});

test('an answer that was lost makes the same message come again, known by its id', { skip }, async () => {
  const yard = new DeliveryYard(mailTo(['cut@example.com']));
  yard.append(alertOf(0), alertOf(1));
  const ids = (await mailsOf(3, () => yard.run())).map((mail) => headerOf(mail, 'Message-ID'));
  assert.deepEqual([ids.length, ids[0], new Set(ids).size], [3, ids[1], 2]);
  assert.deepEqual(yard.counts(), { delivered: 2, undelivered: 0 });
});

test('nobody there, nobody answering, and a stop', { skip }, async () => {
  const refused = await failure(mailTo(['kim@example.com'], { port: await freePort() }));
  assert.deepEqual([refused.code, refused.retryable], ['unreachable', true]);
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  const { port } = silent.address() as { port: number };
  const hung = await failure(mailTo(['kim@example.com'], { port, timeoutMs: '200ms' }));
  assert.deepEqual([hung.code, hung.retryable], ['timeout', true]);
  const stop = new AbortController();
  const sent = mailTo(['kim@example.com'], { port, timeoutMs: '1h' }).send(noticeOf(alertOf(0)), stop.signal);
  setTimeout(() => stop.abort(), 50);
  await assert.rejects(sent, (error: WorldError) => error.code === 'closed' && error.retryable);
  silent.close();
});

test('without TLS, with a strange certificate or a wrong password nothing is sent', { skip }, async () => {
  const none = await failure(mailTo(['kim@example.com'], { tls: 'starttls' }));
  assert.match(none.message, /454 TLS not available/);
  const strange = await failure(mailTo(['kim@example.com'], { tls: 'starttls', port: encrypted?.port }));
  assert.match(strange.message, /certificate/);
  assert.equal(encrypted?.mails.length, 0);
});

test('caFile names the authority that is trusted, and none other', { skip }, async () => {
  const via = (tls: string, port: number | undefined, caFile: string) =>
    mailTo(['lee@example.com'], {
      ...{ host: 'localhost', tls, port, caFile: certificates.file(caFile) },
      ...{ username: 'millwright', password: 'pässword' },
    });
  for (const [tls, server] of [
    ['starttls', encrypted],
    ['implicit', implicit],
  ] as const) {
    const before = server?.mails.length ?? 0;
    assert.match((await failure(via(tls, server?.port, 'stranger.pem'))).message, /certificate/);
    await via(tls, server?.port, 'ca.pem').send(noticeOf(alertOf(0)), never);
    await server?.arrived(before + 1);
    assert.deepEqual([server?.mails.length, server?.mails.at(-1)?.tls], [before + 1, true]);
  }
  assert.throws(
    () => mailTo(['lee@example.com'], { tls: 'starttls', caFile: '/nowhere.pem' }),
    /cannot read \/nowhere\.pem: .*; correct caFile of notifier "mail"/,
  );
});

test('the program sends over STARTTLS and over implicit TLS, with a password', {
  skip,
  timeout: 300_000,
}, async (t) => {
  const plant = makePlant();
  t.after(() => removePlant(plant));
  const ca = relative(plant.dir, certificates.file('ca.pem'));
  const mail = (name: string, tls: string, port: number | undefined, password: string): string =>
    `    - { kind: email, caFile: ${ca}, name: ${name}, host: localhost, port: ${port}, tls: ${tls}, username: millwright, password: "${password}", from: plant@example.com, to: [kim@example.com] }\n`;
  appendFileSync(
    plant.file,
    `  notifiers:\n${mail('one', 'starttls', encrypted?.port, 'pässword')}${mail('two', 'implicit', implicit?.port, 'pässword')}${mail('wrong', 'implicit', implicit?.port, 'other')}  routes: [{ notifiers: [one, two, wrong], groupWait: 0s }]\n`,
  );
  await trainPumps(plant);
  const traffic = new PumpTraffic(new Rng(3));
  const running = await traffic.start(t, plant);
  await traffic.publish(300);
  await running.said('notifier wrong');
  await Promise.all([encrypted?.arrived(2), implicit?.arrived(2)]);
  for (const server of [encrypted, implicit])
    assert.deepEqual([server?.mails.at(-1)?.tls, server?.mails.at(-1)?.user], [true, 'millwright']);
  running.kill('SIGTERM');
  const { stderr, stdout, exitCode } = await running.ended;
  assert.equal(exitCode, 0);
  assert.match(stdout + stderr, /notifier wrong: notifier \\?"wrong\\?": localhost:\d+: 535/);
  assert(!(stdout + stderr).includes('pässword'));
});
