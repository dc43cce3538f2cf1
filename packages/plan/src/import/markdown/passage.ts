import type { NameHint } from '../../fact.ts';
import { slugOf } from '../service-name.ts';

/** A piece of a document's text with its place: `text` stands in the file at `offset`, character for character. */
export interface Passage {
  text: string;
  offset: number;
}

/** What stands around a passage and tells how it is meant. */
export interface Setting {
  /** Titles above it, the outermost first. */
  headings: string[];
  /** What was said right before it: a paragraph, a line, a title. */
  recent: string;
  /** The document, or this part of it, says that it is a plan and not yet so. */
  planned: boolean;
  /** Folder of the service that the document belongs to. */
  home: string | undefined;
  /** Whether a path is the folder of a service. */
  isHome: (path: string) => boolean;
  /** What the item above is about, where this is one of a list within it, or else what the title above is about. */
  subject?: NameHint;
}

/**
 * The text with its marks of emphasis, code and links blanked out, so that each character that is left stays at its
 * offset: `**mana-auth**` becomes two blanks, mana-auth, two blanks.
 */
export function bare(text: string): string {
  return text
    .replace(/\]\([^()\s]{0,1000}(?:\s"[^"]{0,200}")?\)/g, (link) => ' '.repeat(link.length))
    .replace(/\*+|`+|~~|(?<!\w)_{1,3}(?=\w)|(?<=\w)_{1,3}(?!\w)|[[\]]|!(?=\[)|<\/?[a-z]{1,10}\s?\/?>/gi, (mark) =>
      ' '.repeat(mark.length),
    )
    .replace(/\\(?=[|_*`])/g, ' ');
}

/** A bare text in one line, for a person to read. */
export function words(text: string): string {
  return bare(text)
    .replace(/\s+/g, ' ')
    .replace(/\s+([,.:;!?])/g, '$1')
    .trim();
}

/** Words that stand where a name could and are none. */
const NO_NAMES = new Set(
  (
    'port ports note notes example examples default defaults range ranges valid-ports warning tip important todo total and or und oder the to from in on at of for ' +
    'between until since after before http https tcp udp url urls localhost version timeout status error errors service services name host hosts ' +
    'reserved available free unused open public private internal external any all none other others various misc e-g i-e etc also port-range port-ranges ' +
    'number numbers value type description purpose address step max min limit size date year use using only'
  ).split(' '),
);

/** Whether a text can be the name of a service: short, of words, and not one of those that stand there otherwise. */
export function isName(text: string): boolean {
  const slug = slugOf(text);
  return (
    slug !== '' &&
    /[a-z]/.test(slug) &&
    text.length <= 60 &&
    text.split(/\s+/).length <= 6 &&
    !NO_NAMES.has(slug) &&
    !/[.!?]\s|[;=<>{}|]/.test(text)
  );
}

/** What an item of a list says of whatever stands above it: `Default: 3001`, `Health: http://localhost:3001/health`. */
export function isProperty(text: string): boolean {
  return /^(?:(?:default|host|dev|development|local|listen(?:ing)?|server|http|external|published|main|standard)[ -]?)?(?:ports?|default|url|address|adresse|endpoint|base url|health(?:[ -]?(?:check|url|endpoint))*|local|open|access|link|host|standard)$/i.test(
    text.trim(),
  );
}

/** The one that a document is in the folder of calls itself so. */
export function isSelf(text: string): boolean {
  return /^(?:the |this |der |die |das |dieser )?(?:server|service|app|application|api|backend|frontend|it|es|dienst|anwendung|dev server|development server|web server|http server)$/i.test(
    text.trim(),
  );
}

export const FORBIDDEN =
  /\b(?:do not use|don't use|never use|must not be used|avoid(?:ed|ing)?|stay away|off[- ]limits|blocked|forbidden|prohibited|nicht (?:verwenden|benutzen|nutzen|belegen|vergeben)|nie (?:verwenden|benutzen|nutzen)|gesperrt|verboten|tabu|vermeiden)\b/i;

export const KEPT =
  /^\(?\s*(?:reserved|reserviert|freigehalten|kept free|room for growth|future (?:use|expansion|growth)|for future use|réservé|reservado|gereserveerd|riservato)\b/i;

export const FREE = /^\(?\s*(?:free|available|unused|unassigned|frei|verfügbar|unbelegt|ungenutzt|open)\s*\)?$/i;

export const INTERNAL_ONLY =
  /\b(?:internal[- ]only|not exposed|not published|only internally|nur intern|nicht (?:exponiert|veröffentlicht|nach außen))\b|\(internal\)/i;

const PLANNED =
  /\baspirational\b|\bdoes not (?:yet )?match (?:the )?(?:running|actual|current|real)|\b(?:planned|proposed|target|future|desired) (?:port |re-?)?(?:organi[sz]ation|ports?|port map|layout|scheme|schema|assignments?|allocations?|state|numbers)\b|\bnot (?:yet )?(?:been )?(?:executed|implemented|applied|migrated|rolled out)\b|\bgeplante?[rsn]?\b|\bsoll-?(?:zustand|ports?)\b|\bnoch nicht (?:umgesetzt|ausgeführt|migriert)\b/i;

const REAL =
  /\b(?:real(?:-world)?|actual|current|existing|today's|live)\s+(?:\w+\s+)?ports?\b|\bports?\s+(?:\w+\s+){0,3}(?:today|now|currently|in use)\b|\b(?:today|currently|heute|derzeit|aktuell(?:e|en|er)?|tatsächlich(?:e|en)?|ist-?(?:zustand|ports?))\b/i;

/** Whether a text says of what follows that it is a plan; `undefined` when it says nothing of the kind. */
export function outlook(text: string): 'planned' | 'real' | undefined {
  // The last thing that is said counts: a plan may be told of first, and the real ports be listed then.
  const sentences = text.split(/(?<=[.:!?])\s+(?=[A-ZÄÖÜ])|\n/);
  for (const sentence of sentences.slice(-3).reverse()) {
    if (REAL.test(sentence) && !/\bnot\b|\bdoes not\b/i.test(sentence)) return 'real';
    if (PLANNED.test(sentence)) return 'planned';
  }
  return undefined;
}

export function saysPlanned(text: string): boolean {
  return PLANNED.test(text);
}
