export default async function tearDown() {
  await globalThis.shared.release();
}
