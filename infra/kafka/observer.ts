/** What people should know, but no call tells. `group` is as the port names it. */
export interface KafkaObserver {
  /** What a consumer of this process tries again for now; null when it works again. */
  onProblem(group: string, problem: string | null): void;
  /** Something that has happened and is over. */
  onNotice(sentence: string): void;
  /** A consumer of this process has been assigned partitions. */
  onRebalance(group: string): void;
}
