/** Six significant digits: more than a sensor has, and half the bytes. */
export function significant(value: number): number {
  return Number(value.toPrecision(6));
}
