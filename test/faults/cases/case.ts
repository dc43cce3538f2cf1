import type { Scene } from './scene.ts';

/** A fault that can be described in a sentence, set up by itself, and what has to hold when it happens. */
export interface Case {
  readonly about: string;
  play(scene: Scene): Promise<void>;
}
