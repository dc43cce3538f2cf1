/**
 * Numbers in [0, 1) that are the same for the same seed: the generator sfc32.
 *
 * @param seed any whole number
 * @see PractRand (Doty-Humphrey)
 */
export function seededRandom(seed: number): () => number {
  let a = seed >>> 0;
  let b = Math.floor(seed / 2 ** 32) >>> 0;
  let c = 0x9e37_79b9;
  let counter = 1;
  const next = () => {
    const sum = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + sum) >>> 0;
    return sum / 2 ** 32;
  };
  // Seeds that are close begin alike.
  for (let i = 0; i < 15; i++) next();
  return next;
}
