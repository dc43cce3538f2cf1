const LONGEST = 1000;
const SECRET_WORD =
  '(?:pass(?:word|wd|phrase)?|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credentials?|auth)';
/** `--db-password=x`, `TOKEN=x`, `?api_key=x`, `authToken: x` */
const ASSIGNED = new RegExp(`(${SECRET_WORD}[\\w.-]*["']?\\s*[=:]\\s*)(?:"[^"]*"|'[^']*'|[^\\s&,;]+)`, 'gi');
/** `--password` with the secret as the next argument. */
const OPTION = new RegExp(`^--?[\\w.-]*${SECRET_WORD}[\\w.-]*$`, 'i');
/** `postgres://user:secret@host` */
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/gi;
const BEARER = /\b(bearer|basic)\s+[\w.~+/=-]+/gi;
const MASK = '***';

/**
 * A command line fit for reports: arguments parted by spaces, cut at 1000 characters, with what looks like a secret
 * masked. It is a net with holes (`mysql -phunter2` goes through); secrets do not belong on command lines.
 */
export function formatCommandLine(argv: readonly string[]): string {
  const masked = argv.map((argument, index) => {
    const option = argv[index - 1];
    if (option !== undefined && OPTION.test(option) && !argument.startsWith('-')) return MASK;
    return maskSecrets(argument);
  });
  return masked.join(' ').slice(0, LONGEST);
}

function maskSecrets(text: string): string {
  return text
    .replace(BEARER, `$1 ${MASK}`)
    .replace(URL_PASSWORD, `$1${MASK}@`)
    .replace(ASSIGNED, (whole, name: string) => (whole.endsWith(MASK) ? whole : `${name}${MASK}`));
}
