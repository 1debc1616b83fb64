import { userInfo } from 'node:os';

/** Who runs this process, for records. In a container a user may be a number only. */
export function operatorName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? '?'}`;
  }
}
