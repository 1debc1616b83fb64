import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { ReadingsRecord } from '../../domain/input.js';
import { Rng } from '../../domain/rng.js';
import { MessageParser } from '../../ingest/parse.js';
import { EdgeNodes } from '../../ingest/sparkplug/edge-nodes.js';
import { encodeRebirthCommand } from '../../ingest/sparkplug/payload.js';
import { ingestSubscriptions } from '../../ingest/subscriptions.js';
import { configOf, directory, nowMs, types } from './plant.js';
import { sparkplugPayload, type TestMetric } from './sparkplug-wire.js';

/** Written by test/ingest/make_sparkplug_goldens.py. */
const goldens = JSON.parse(readFileSync('test/ingest/sparkplug-goldens.json', 'utf8')) as {
  readonly timeMs: number;
  readonly values: readonly (readonly [name: string, value: number | string | null])[];
  readonly birth: string;
  readonly data: string;
  readonly rebirth: string;
};

/** A host that hears one edge node, `gw`, of the group `north` with the device press-1. */
function host() {
  const asked: string[] = [];
  const parser = new MessageParser({
    types,
    directory,
    config: configOf({ sparkplug: { rebirthEveryMs: '10s' } }),
    requestRebirth: (group, node) => asked.push(`${group}/${node}`),
  });
  let timeMs = nowMs;
  const take = (type: string, seq: number | undefined, metrics: readonly TestMetric[], at = timeMs) => {
    const topic = `spBv1.0/north/${type}/gw${type.startsWith('D') ? '/press-1' : ''}`;
    const message = parser.parse(topic, sparkplugPayload(seq, metrics, at), {
      timeMs,
      clockKnown: true,
      retained: false,
    });
    const record = message.inputs[0] as ReadingsRecord | undefined;
    return {
      ...message,
      record,
      readings: (record?.sensors ?? []).map((sensor, i) => [
        sensor,
        (record?.timesMs[i] as number) - nowMs,
        record?.values[i],
      ]),
      reasons: message.rejected.map(({ reason }) => reason),
    };
  };
  const birth = () => {
    take('NBIRTH', 0, [
      { name: 'bdSeq', kind: 'int64', value: 7 },
      { name: 'Node Control/Rebirth', kind: 'boolean', value: 0 },
    ]);
    return take('DBIRTH', 1, [
      { name: 'temp', alias: 1, value: 20 },
      { name: 'count', alias: 2, kind: 'int16', value: -3 },
    ]);
  };
  const pass = (ms: number) => {
    timeMs += ms;
  };
  return { asked, take, birth, pass };
}

describe('Sparkplug B', () => {
  it('takes the values of a birth and of data, by name or alias, each at its time', () => {
    const { take, birth, asked } = host();
    const born = birth();
    assert.deepEqual(born.readings, [
      ['temp', 0, 20],
      ['count', 0, -3],
    ]);
    assert.deepEqual(
      [born.record?.machine, born.record?.site, born.record?.line],
      ['press-1', 'north', 'gw'],
    );
    const data = take('DDATA', 2, [
      { alias: 1, timeMs: nowMs - 5, value: 21 },
      { alias: 2, kind: 'int16', value: -4, untyped: true },
      { name: 'vib', kind: 'float', value: 2.5 },
    ]);
    assert.deepEqual(data.readings, [
      ['temp', -5, 21],
      ['count', 0, -4],
      ['vib', 0, 2.5],
    ]);
    assert.deepEqual(asked, []);
  });

  it('reads what another implementation writes, of every kind, by the types that only its birth tells', () => {
    const nodes = new EdgeNodes({ rebirthEveryMs: 0, requestRebirth: () => assert.fail('it is known') });
    const take = (topic: string, bytes: Uint8Array) => {
      const message = nodes.take(topic, bytes, nowMs);
      assert.ok(typeof message !== 'string');
      return message.metrics.map(({ name, timeMs, value }) => [name, value, Number(timeMs) - goldens.timeMs]);
    };
    const birthOfNode = [{ name: 'bdSeq', kind: 'int64', value: 0 }] as const;
    take('spBv1.0/g/NBIRTH/gw', sparkplugPayload(255, birthOfNode));
    assert.deepEqual(
      take('spBv1.0/g/DBIRTH/gw/press-1', Buffer.from(goldens.birth, 'hex')),
      goldens.values.map(([name, value], i) => [name, value, i]),
    );
    assert.deepEqual(
      take('spBv1.0/g/DDATA/gw/press-1', Buffer.from(goldens.data, 'hex')),
      goldens.values.map(([name, value]) => [name, value, 0]),
    );
  });

  it('refuses readings as those in JSON: out of range, null, text, unknown sensor, unknown machine', () => {
    const { take, birth } = host();
    birth();
    const { reasons, readings } = take('DDATA', 2, [
      { name: 'temp', value: 1000 },
      { name: 'pressure', value: null },
      { name: 'vib', value: 'high' },
      { name: 'colour', value: 1 },
      { name: 'count', value: 1 },
    ]);
    assert.deepEqual(reasons, ['out-of-range', 'not-a-number', 'not-a-number', 'unknown-sensor']);
    assert.deepEqual(readings, [['count', 0, 1]]);
    assert.deepEqual(take('NDATA', 3, [{ name: 'temp', value: 1 }]).reasons, ['unknown-machine']);
  });

  it('asks for the births after a gap, trusts no alias until then, and does not ask all the time', () => {
    const { take, birth, asked, pass } = host();
    birth();
    const afterGap = take('DDATA', 4, [
      { alias: 1, value: 21 },
      { name: 'count', value: 5 },
    ]);
    assert.deepEqual(afterGap.readings, [['count', 0, 5]]);
    assert.deepEqual(afterGap.reasons, ['wrong-shape']);
    assert.match(afterGap.rejected[0]?.detail ?? '', /name of alias 1; the edge node has been asked/);
    take('DDATA', 5, [{ alias: 1, value: 21 }]);
    assert.deepEqual(asked, ['north/gw']);
    pass(10_000);
    take('DDATA', 6, [{ alias: 1, value: 21 }]);
    assert.deepEqual(asked, ['north/gw', 'north/gw']);
    birth();
    assert.deepEqual(take('DDATA', 2, [{ alias: 1, value: 22 }], nowMs).readings, [['temp', 0, 22]]);
  });

  it('asks an edge node that was there before us, and counts from 255 to 0', () => {
    const { take, asked, birth } = host();
    assert.deepEqual(take('DDATA', 17, [{ alias: 1, value: 21 }]).reasons, ['wrong-shape']);
    assert.deepEqual(asked, ['north/gw']);
    birth();
    for (let seq = 2; seq < 600; seq++)
      assert.equal(take('DDATA', seq % 256, [{ alias: 1, value: 21 }]).accepted, 1);
    assert.equal(asked.length, 1);
  });

  it('knows the death of this session from that of an earlier one', () => {
    const { take, birth, asked } = host();
    birth();
    const late = take('NDEATH', undefined, [{ name: 'bdSeq', kind: 'int64', value: 6 }]);
    assert.deepEqual([late.accepted, late.rejected.length], [0, 0]);
    assert.equal(take('DDATA', 2, [{ alias: 1, value: 21 }]).accepted, 1);
    take('DDEATH', 3, []);
    take('NDEATH', undefined, [{ name: 'bdSeq', kind: 'uint64', value: 7 }]);
    assert.deepEqual(asked, []);
    take('DDATA', 4, [{ name: 'temp', value: 21 }]);
    assert.deepEqual(asked, ['north/gw']);
  });

  it('refuses what is no payload, and survives anything', () => {
    const config = configOf({ sparkplug: {}, payloadBytesMax: 100 });
    const parser = new MessageParser({ types, directory, config });
    const arrival = { timeMs: nowMs, clockKnown: true, retained: false };
    const reasonOf = (topic: string, payload: Buffer) =>
      parser.parse(topic, payload, arrival).rejected.map(({ reason }) => reason);
    assert.deepEqual(reasonOf('spBv1.0/n/DDATA/gw/press-1', Buffer.from('{"temp":1}')), ['wrong-shape']);
    assert.deepEqual(reasonOf('spBv1.0/n/DDATA/gw', sparkplugPayload(0, [])), ['wrong-shape']);
    assert.deepEqual(reasonOf('spBv1.0/STATE/other', Buffer.from('{}')), ['wrong-shape']);
    assert.deepEqual(reasonOf('spBv1.0/n/DDATA/gw/press-1', Buffer.alloc(101)), ['payload-too-large']);
    const rng = new Rng(1);
    const good = sparkplugPayload(0, [{ name: 'temp', alias: 1, kind: 'int32', value: -1 }], nowMs);
    for (let round = 0; round < 20_000; round++) {
      const bytes = Buffer.from(good);
      for (let change = 0; change <= rng.int(4); change++) bytes[rng.int(bytes.length)] = rng.int(256);
      const cut = bytes.subarray(0, rng.int(bytes.length + 1));
      const type = ['NBIRTH', 'NDATA', 'NDEATH', 'DBIRTH', 'DDATA', 'DDEATH'][rng.int(6)] as string;
      parser.parse(`spBv1.0/north/${type}/gw${type.startsWith('D') ? '/press-1' : ''}`, cut, arrival);
    }
  });

  it('asks for births as another implementation does', () => {
    assert.equal(encodeRebirthCommand(goldens.timeMs).toString('hex'), goldens.rebirth);
  });

  it('is heard only where it is asked for', () => {
    assert.ok(!ingestSubscriptions(configOf()).some((filter) => filter.startsWith('spBv1.0')));
    assert.deepEqual(
      ingestSubscriptions(configOf({ sparkplug: {} })).filter((filter) => filter.startsWith('spBv1.0')),
      [
        ...['NBIRTH', 'NDATA', 'NDEATH'].map((type) => `spBv1.0/+/${type}/+`),
        ...['DBIRTH', 'DDATA', 'DDEATH'].map((type) => `spBv1.0/+/${type}/+/+`),
      ],
    );
  });
});
