/**
 * The machines of bench/pipeline.ts, in a process of their own so that their work is not counted: makes its messages,
 * tells 'ready', publishes them over MQTT at QoS 1 when told to, and tells its CPU time. Started with the address of
 * the broker, the shape, and how many machines and rounds.
 */
import { connectPublisher } from '../../infra/mqtt/publisher.js';
import { makeMessages, type Shape } from './plant.js';

const [url, shape, machineCount, rounds] = process.argv.slice(2);
if (url === undefined || process.send === undefined) throw new Error('started by bench/pipeline.js');
const messages = makeMessages(shape as Shape, Number(machineCount), Number(rounds));
const publisher = await connectPublisher({ url, inFlightMax: 1000 });
process.once('message', () => {
  const cpu = process.cpuUsage();
  void Promise.all(messages.map(({ topic, payload }) => publisher.publish(topic, payload))).then(async () => {
    const { user, system } = process.cpuUsage(cpu);
    process.send?.({ cpuS: (user + system) / 1e6 });
    await publisher.end();
    process.disconnect();
  });
});
process.send('ready');
