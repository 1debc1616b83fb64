import { WorldError, type WorldErrorCode } from '../../domain/errors.js';

/** What kafkajs' errors carry. */
interface KafkaError {
  readonly name: string;
  readonly message: string;
  /** Name of an error of Kafka's protocol. */
  readonly type?: string;
  readonly code?: unknown;
  readonly retriable?: boolean;
  readonly cause?: unknown;
}

/** The failure below the wrappers of kafkajs' own retries. */
export function rootOf(error: unknown): KafkaError {
  let root = error as KafkaError;
  while (root.type === undefined && root.cause instanceof Error) root = root.cause as unknown as KafkaError;
  return root;
}

/** Name of the protocol's error, '' for others. PRODUCER_FENCED is younger than kafkajs' list. */
export function protocolError(error: unknown): string {
  const { type, code } = rootOf(error);
  return code === 90 ? 'PRODUCER_FENCED' : (type ?? '');
}

/** Another producer has the transactional id now, or Kafka gave up the transaction. */
export function isFenced(error: unknown): boolean {
  return ['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'TRANSACTION_COORDINATOR_FENCED'].includes(
    protocolError(error),
  );
}

/** What repeating a request cannot mend, but a new producer id can. */
const staleProducer = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'PRODUCER_FENCED',
  'INVALID_PRODUCER_ID_MAPPING',
  'INVALID_TXN_STATE',
]);

export function needsNewProducer(error: unknown): boolean {
  return staleProducer.has(protocolError(error));
}

const codeOf: Readonly<Record<string, readonly [WorldErrorCode, retryable: boolean]>> = {
  MESSAGE_TOO_LARGE: ['too-large', false],
  RECORD_LIST_TOO_LARGE: ['too-large', false],
  REQUEST_TIMED_OUT: ['timeout', true],
  UNKNOWN_TOPIC_OR_PARTITION: ['rejected', false],
  INVALID_TOPIC_EXCEPTION: ['rejected', false],
  BROKER_NOT_AVAILABLE: ['unreachable', true],
  KAFKA_STORAGE_ERROR: ['disk-full', true],
  // The broker met an error that it has no name for, mostly of the moment: one of its own races.
  UNKNOWN: ['unreachable', true],
};

/** Gives any failure of a request the code by which callers decide. `what` says what was being done. */
export function classifyKafkaError(error: unknown, what: string): WorldError {
  if (error instanceof WorldError) return error;
  const root = rootOf(error);
  const type = protocolError(error);
  const [code, retryable] = codeOf[type] ?? byShape(root, type);
  return new WorldError(code, `${what}: ${type ? `${type}: ` : ''}${root.message}`, {
    retryable,
    cause: error,
  });
}

function byShape(root: KafkaError, type: string): readonly [WorldErrorCode, retryable: boolean] {
  if (type.endsWith('AUTHORIZATION_FAILED') || /SASL/i.test(`${root.name} ${type}`))
    return ['unauthorized', false];
  if (root.name === 'KafkaJSRequestTimeoutError') return ['timeout', true];
  // A bug of ours, not the world's.
  if (['TypeError', 'RangeError', 'ReferenceError'].includes(root.name)) throw root;
  return type === '' || root.retriable === true || staleProducer.has(type)
    ? ['unreachable', true]
    : ['rejected', false];
}
