export interface Ear {
  /** A frame came. */
  heard(): void;
  /** The connection ended, or could not be made. */
  lost(): void;
}

/** A WebSocket that tells how its line does, for the client to connect with. */
export function heardSocket(ear: Ear): typeof WebSocket {
  return class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      this.addEventListener('message', () => ear.heard());
      this.addEventListener('close', () => ear.lost());
    }
  };
}
