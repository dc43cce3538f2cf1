import { PortolanError } from '@portolan/model';

/**
 * For whoever asks for more than its share just now.
 *
 * @param why what it has too much of
 * @param wait seconds until it is worth trying again
 */
export function tooMany(why: string, wait = 1, details: Record<string, unknown> = {}): PortolanError {
  const retryAfter = Math.max(1, Math.ceil(wait));
  return new PortolanError('too-many', `${why}; try again in ${retryAfter} s`, { ...details, retryAfter });
}
