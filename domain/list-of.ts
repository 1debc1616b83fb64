/** The numbers as a list. `Array.from` asks an iterator for each of them, which takes ten times as long and as much memory. */
export function listOf(numbers: Float32Array | Float64Array): number[] {
  const list = new Array<number>(numbers.length);
  for (let index = 0; index < numbers.length; index++) list[index] = numbers[index] as number;
  return list;
}
