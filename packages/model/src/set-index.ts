/** An index from what is asked for to all members that answer to it; nothing is left of one that has none. */
export type SetIndex<K, V> = Map<K, Set<V>>;

export function addTo<K, V>(index: SetIndex<K, V>, at: K, member: V): void {
  const members = index.get(at);
  if (members) members.add(member);
  else index.set(at, new Set([member]));
}

export function removeFrom<K, V>(index: SetIndex<K, V>, at: K, member: V): void {
  const members = index.get(at);
  members?.delete(member);
  if (members?.size === 0) index.delete(at);
}
