/** What can go wrong around a plant, and how it is brought about and mended. */
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Rng } from '../../domain/rng.js';
import type { ProxiedPort, Toxic } from '../services/toxiproxy.js';
import type { Member } from './crew.js';
import type { Sender } from './sender.js';
import type { World } from './world.js';

/** One fault of the schedule. Two at a time have different targets. */
export interface Fault {
  readonly kind: string;
  readonly target: string;
  readonly durationMs: number;
  begin(): Promise<void>;
  end(): Promise<void>;
}

type Make = (rng: Rng) => Fault;

/** Every kind of fault at every target. Each is as likely as the others. */
export function possibleFaults(world: World, sender: Sender): readonly Make[] {
  const { members, guests, proxies, kafka, mosquitto, influx, pager, smallDisk } = world;
  return [
    ...members.flatMap(memberFaults),
    ...guests.map((guest) => (rng: Rng) => ({
      ...fault('joins and leaves', guest.name, rng, 8, 30),
      begin: async () => guest.start(),
      end: () => (rng.int(2) === 0 ? guest.stop() : guest.kill()),
    })),
    ...Object.entries(proxies).flatMap(([name, proxy]) => networkFaults(name, proxy)),
    (rng) => ({ ...fault('kill -9', 'Kafka', rng, 0, 8), begin: kafka.kill, end: kafka.startAgain }),
    (rng) => ({ ...fault('freeze', 'Kafka', rng, 1, 20), begin: kafka.pause, end: kafka.resume }),
    (rng) => ({ ...fault('kill -9', 'InfluxDB', rng, 0, 20), begin: influx.kill, end: influx.startAgain }),
    (rng) => ({ ...fault('freeze', 'InfluxDB', rng, 1, 20), begin: influx.pause, end: influx.resume }),
    (rng) => ({ ...fault('freeze', 'Mosquitto', rng, 1, 15), begin: mosquitto.pause, end: mosquitto.resume }),
    (rng) => ({
      ...fault('kill -9', 'Mosquitto', rng, 0, 8),
      begin: async () => {
        // It acknowledges before it saves: what it was sent in the last moment it may forget, and that is not what is tried.
        await sender.hold();
        await sleep(1500);
        await mosquitto.kill();
      },
      end: async () => {
        await mosquitto.startAgain();
        sender.resume();
      },
    }),
    ...(['refuse', 'lose-answer'] as const).map((manner) => (rng: Rng) => ({
      ...fault(manner === 'refuse' ? 'refuses' : 'answers are lost', 'pager', rng, 2, 15),
      begin: async () => {
        pager.manner = manner;
      },
      end: async () => {
        pager.manner = 'take';
      },
    })),
    ...(smallDisk === undefined
      ? []
      : [
          (rng: Rng) => ({
            ...fault('disk full', 'influx', rng, 5, 20),
            begin: async () => {
              fillDisk(smallDisk);
              await proxies.influx.cut();
            },
            end: async () => {
              rmSync(join(smallDisk, 'filler'));
              await proxies.influx.heal();
            },
          }),
        ]),
  ];
}

function fault(kind: string, target: string, rng: Rng, fromS: number, toS: number) {
  return { kind, target, durationMs: Math.round(1000 * (fromS + (toS - fromS) * rng.uniform())) };
}

function memberFaults(member: Member): Make[] {
  const { name } = member;
  return [
    (rng) => ({
      ...fault('kill -9', name, rng, 0, 4),
      begin: () => member.kill(),
      end: async () => member.start(),
    }),
    // Longer than the session (8 s) as well as shorter: the others take over, and it wakes up as a zombie.
    (rng) => ({
      ...fault('freeze', name, rng, 1, 25),
      begin: async () => member.freeze(),
      end: async () => member.thaw(),
    }),
    (rng) => ({
      ...fault('stop and start', name, rng, 0, 1),
      begin: () => member.stop(),
      end: async () => member.start(),
    }),
  ];
}

function networkFaults(target: string, proxy: ProxiedPort): Make[] {
  const poisoned = (kind: string, toS: number, toxic: (rng: Rng) => Omit<Toxic, 'stream'>): Make => {
    return (rng) => {
      const stream = rng.int(2) === 0 ? 'upstream' : 'downstream';
      const whole = { ...toxic(rng), stream } as const;
      return {
        ...fault(kind, target, rng, 1, toS),
        begin: () => proxy.poison(whole),
        end: () => proxy.heal(),
      };
    };
  };
  return [
    (rng) => ({ ...fault('network cut', target, rng, 1, 15), begin: proxy.cut, end: proxy.heal }),
    // Nothing comes through, and nobody is told: of what was asked, or of the answers to it.
    poisoned('network silent', 20, () => ({ type: 'timeout', attributes: { timeout: 0 } })),
    poisoned('network slow', 12, (rng) => ({
      type: 'latency',
      attributes: { latency: 100 + rng.int(900), jitter: rng.int(100) },
    })),
    poisoned('connections torn', 8, (rng) => ({
      type: 'limit_data',
      attributes: { bytes: 200 + rng.int(20_000) },
    })),
  ];
}

/** Leaves not a byte. */
function fillDisk(folder: string): void {
  const file = join(folder, 'filler');
  writeFileSync(file, '');
  for (let chunk = 1 << 20; chunk >= 1; chunk >>= 1)
    for (;;) {
      const before = statSync(file).size;
      try {
        writeFileSync(file, Buffer.alloc(chunk), { flag: 'a' });
      } catch {
        break;
      }
      if (statSync(file).size === before) break;
    }
}
