import { words } from './passage.ts';

/** What a column of a table holds. */
export type ColumnRole =
  | { role: 'port'; label?: string; planned?: boolean; real?: boolean; inside?: boolean }
  | {
      role:
        | 'service'
        | 'alias'
        | 'directory'
        | 'label'
        | 'description'
        | 'protocol'
        | 'status'
        | 'runtime'
        | 'reason'
        | 'range'
        | 'purpose'
        | 'pair'
        | 'host'
        | 'variable'
        | 'depends'
        | 'other';
    }
  | { role: 'url'; health: boolean };

/** Header words of each role, as one anchored alternative. English and German first, then the nearest neighbours. */
const ROLES: readonly [RegExp, ColumnRole][] = [
  [
    /^(?:planned|proposed|target|new|future|desired|geplanter?|neuer?|künftiger?|ziel|soll)[ -]*(?:host[ -]*)?ports?$/i,
    { role: 'port', planned: true },
  ],
  [
    /^(?:current|actual|real|today|old|existing|aktueller?|derzeitiger?|alter?|ist|bisheriger?)[ -]*(?:host[ -]*)?ports?$/i,
    { role: 'port', real: true },
  ],
  [
    /^(?:container|internal|inner|inside|target|pod|cluster|interner?|container-?interner?)[ -]*(?:container[ -]*)?ports?$/i,
    { role: 'port', inside: true },
  ],
  [
    /^(?:(?:host|external|public|published|exposed|default|standard|listen(?:ing)?|local|server|service|tcp|externer?|öffentlicher?|lokaler?|http|main)[ -]*)?(?:ports?|portnummern?|port[ -]?(?:nr\.?|no\.?|number|#|\(s\)))$/i,
    { role: 'port' },
  ],
  [/^(?:puertos?|portas?|porta|porte|poort|poorten|порт)$/i, { role: 'port' }],
  [/^(?:ports? ?\(?(?:host|extern(?:al)?|published)\)?|host ?: ?port)$/i, { role: 'port' }],
  [/^(?:dev(?:elopment)?)[ -]*ports?$/i, { role: 'port' }],
  [
    /^(?:services?|dienste?|service ?name|dienst ?name|names?|apps?|applications?|anwendung(?:en)?|processe?s?|prozesse?|components?|komponenten?|servers?|containers?|projects?|projekte?|packages?|pakete?|microservices?|modules?|module?|programm?e?|systeme?|what|was|tool|exporter|bot|job|servicio|servizio|serviço|dienst(?:e|en)?|application ?name|app ?name|container ?name)$/i,
    { role: 'service' },
  ],
  [
    /^(?:docker|compose|container|k8s|kubernetes|systemd|pm2)[ -](?:service|name|container|unit|process)(?: name)?$/i,
    { role: 'alias' },
  ],
  [/^(?:director(?:y|ies)|folders?|paths?|ordner|verzeichnis(?:se)?|pfade?|location|ort)$/i, { role: 'directory' }],
  [/^(?:labels?|port ?name|endpoint ?name|bezeichnung|kennung)$/i, { role: 'label' }],
  [
    /^(?:reserved for|reasons?|grund|gründe|warum|why|begründung|reserviert für|used by|belegt (?:durch|von))$/i,
    { role: 'reason' },
  ],
  [/^(?:(?:port ?)?ranges?|(?:port-?)?bereiche?|intervals?|from ?- ?to|von ?- ?bis|rango|plage)$/i, { role: 'range' }],
  [
    /^(?:purposes?|zweck|verwendung|use|usage|verwendungszweck|allocation|kategorie|category|group|gruppe|for|für|owner|team|besitzer|zuständig)$/i,
    { role: 'purpose' },
  ],
  [
    /^(?:descriptions?|beschreibung(?:en)?|details?|notes?|notizen?|bemerkung(?:en)?|anmerkung(?:en)?|comments?|kommentare?|info|about|hinweise?|description ?\/ ?notes|descripción|descrizione|omschrijving|remarks?)$/i,
    { role: 'description' },
  ],
  [/^(?:protocols?|protokolle?|transport|proto|typ|type)$/i, { role: 'protocol' }],
  [/^(?:status|state|zustand|required\??|pflicht|erforderlich|criticality)$/i, { role: 'status' }],
  [
    /^(?:runtimes?|laufzeit(?:umgebung)?|language|sprache|stack|tech(?:nology|nologie| stack)?|framework|plattform|platform|built with)$/i,
    { role: 'runtime' },
  ],
  [
    /^(?:corresponds to(?: \w+)?|matching (?:server|backend|frontend)|pairs? with|paired with|counterpart|gehört zu|gegenstück|entspricht|zugehörige[rs]? (?:server|backend|dienst))$/i,
    { role: 'pair' },
  ],
  [/^(?:hosts?|machines?|rechner|nodes?|knoten|runs on|läuft auf|maschine)$/i, { role: 'host' }],
  [
    /^(?:variables?|env(?:ironment)?(?: ?var(?:iable)?s?)?|umgebungsvariablen?|key|schlüssel|setting|einstellung)$/i,
    { role: 'variable' },
  ],
  [
    /^(?:depends on|dependenc(?:y|ies)|requires|needs|abhängigkeit(?:en)?|benötigt|braucht|hängt ab von)$/i,
    { role: 'depends' },
  ],
  [
    /^(?:health(?:[ -]?check)?(?:[ -]?(?:urls?|endpoints?|path))?|gesundheits(?:prüfung|check)|liveness|readiness|health-?endpunkt)$/i,
    { role: 'url', health: true },
  ],
  [
    /^(?:urls?|links?|address(?:es)?|adressen?|endpoints?|endpunkte?|base ?urls?|local ?urls?|access|zugriff|aufruf)$/i,
    { role: 'url', health: false },
  ],
  [
    /^(?:methods?|verbs?|http methods?|methoden?|parameters?|options?|flags?|fields?|felder|property|properties|arguments?|commands?|befehle?|headers?|events?|topics?|queues?|tables?|columns?|files?|dateien?|steps?|schritte?|actions?|scopes?|roles?|rules?|plans?|tiers?|games?|browsers?|os|releases?|changes?|errors?|meanings?|bedeutung|seit|since|version|image|size|größe|count|anzahl|year|jahr|date|datum|time|zeit|latency|timeout|cpu|memory|ram|speicher|requests?|replicas?|cost|price|preis|limit|score|id|nr\.?|no\.?|#|lines?|loc|issue|pr|code|status ?code|http ?code|exit ?code)$/i,
    { role: 'other' },
  ],
];

/** @returns `undefined` for words that are not known: then the cells have to tell */
export function columnRole(header: string): ColumnRole | undefined {
  const text = words(header)
    .replace(/[:*]+$/, '')
    .trim();
  if (text.length > 60) return undefined;
  for (const [shape, role] of ROLES) if (shape.test(text)) return role;
  // `Health Port`, `API Port`, `Metrics-Port`: the port of that label.
  const [, label] = /^([\p{L}\d/]{1,20})[ -]+ports?$/iu.exec(text) ?? [];
  return label ? { role: 'port', label: label.toLowerCase() } : undefined;
}
