/** F_k = 1 − Π_{j≤k} (1 − h_j) in place: hazards in, failure probabilities out. */
export function accumulateHazards(hazards: Float64Array): Float64Array {
  let survival = 1;
  for (let k = 0; k < hazards.length; k++) {
    survival *= 1 - (hazards[k] as number);
    hazards[k] = 1 - survival;
  }
  return hazards;
}
