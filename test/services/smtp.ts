/** A mail server of Python's aiosmtpd that shows what it took; how it treats whom is told in smtp_server.py. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Certificates } from './certificates.js';
import { eventually, firstOf, freePort, type Service } from './service.js';

/** A message as the server took it. */
export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly tls: boolean;
  /** Who had logged in; null: nobody. */
  readonly user: string | null;
  /** Header and body, lines ending in CR LF. */
  readonly text: string;
}

export interface Smtp extends Service {
  readonly port: number;
  /** In the order of arrival. */
  readonly mails: readonly Mail[];
  arrived(count: number): Promise<void>;
}

export type SmtpMode = 'plain' | 'starttls' | 'implicit';

export function startSmtp(mode: SmtpMode, certificates?: Certificates): Promise<Smtp | undefined> {
  const how = 'set MILLWRIGHT_PYTHON to a Python that has aiosmtpd';
  return firstOf<Smtp>('SMTP server', how, [() => inPython(mode, certificates)]);
}

async function inPython(mode: SmtpMode, certificates: Certificates | undefined): Promise<Smtp | undefined> {
  const python = process.env.MILLWRIGHT_PYTHON;
  if (python === undefined || !hasServer(python)) return undefined;
  const port = await freePort();
  const files = certificates ? [certificates.file('server.pem'), certificates.file('server.key')] : [];
  const child = spawn(python, ['test/services/smtp_server.py', String(port), mode, ...files], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const mails: Mail[] = [];
  await once(lines, 'line');
  lines.on('line', (line) => mails.push(JSON.parse(line) as Mail));
  return {
    port,
    mails,
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
    },
    arrived: (count) =>
      eventually(async () => {
        if (mails.length < count) throw new Error(`${mails.length} of ${count} mails have arrived`);
      }, 60_000),
  };
}

function hasServer(python: string): boolean {
  try {
    execFileSync(python, ['-c', 'import aiosmtpd'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
