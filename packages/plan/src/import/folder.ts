/** Whether a folder is another one, or lies in it. Both as paths of the tree, whose root is `.`. */
export function isWithin(folder: string, around: string): boolean {
  return around === '.' || folder === around || folder.startsWith(`${around}/`);
}
