/** `ghcr.io/shop/cart:${TAG:-1}@sha256:…` → `ghcr.io/shop/cart` */
export function imageName(image: string): string {
  return image.replace(/[@$].*$/, '').replace(/:[^/]*$/, '');
}
