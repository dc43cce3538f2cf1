import type { Finding } from '@portolan/model';
import { paint } from './output.ts';

const styles = { error: ['bold', 'red'], warning: 'yellow', info: 'cyan' } as const;

export function painted(severity: Finding['severity']): string {
  const style = styles[severity];
  return paint(typeof style === 'string' ? style : [...style], severity);
}
