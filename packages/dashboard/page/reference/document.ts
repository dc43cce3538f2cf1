/** The OpenAPI 3.1 document of a coordinator, as far as the page reads it. */
export interface OpenApi {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export interface OperationObject {
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly security?: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

export type Content = Readonly<Record<string, { readonly schema: Schema }>>;

/** JSON Schema, as far as the document has it. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: boolean | Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}

export interface Operation extends OperationObject {
  /** Names it in the address of the page. */
  readonly id: string;
  readonly method: string;
  readonly path: string;
}

/** @returns the operations under their tags, in the order of the document */
export function operationsByTag({ paths }: OpenApi): ReadonlyMap<string, readonly Operation[]> {
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Operation => {
      const id = `${method}-${path.replace(/^\/v1\//, '').replaceAll(/[^\w-]+/g, '-')}`.replace(/-$/, '');
      return { ...operation, id, method: method.toUpperCase(), path };
    }),
  );
  return Map.groupBy(all, ({ tags }) => tags[0] ?? 'Other');
}

/** Whether an operation has this in what is written of it. */
export function mentions({ method, path, summary, description = '' }: Operation, text: string): boolean {
  return `${method} ${path} ${summary} ${description}`.toLowerCase().includes(text.trim().toLowerCase());
}

export function nameOf({ $ref }: Schema): string | undefined {
  return $ref?.split('/').at(-1);
}

/** @returns the schema itself, where a name stands for it */
export function resolved(schema: Schema, { components }: OpenApi): Schema {
  const name = nameOf(schema);
  return name === undefined ? schema : (components.schemas[name] ?? {});
}

/** @returns what a body may begin as: what is required, each with a value of its kind */
export function example(schema: Schema, document: OpenApi, depth = 0): unknown {
  const { allOf, anyOf, oneOf, enum: values, default: standard, ...whole } = resolved(schema, document);
  const choice = allOf?.[0] ?? anyOf?.[0] ?? oneOf?.[0];
  if (standard !== undefined) return standard;
  if (values !== undefined) return values[0];
  if (choice !== undefined) return example(choice, document, depth);
  const type = typeof whole.type === 'string' ? whole.type : whole.type?.[0];
  switch (type) {
    case 'object':
      return Object.fromEntries(
        // Of itself a schema may hold itself.
        (depth < 6 ? (whole.required ?? []) : []).map((name) => [
          name,
          example(whole.properties?.[name] ?? {}, document, depth + 1),
        ]),
      );
    case 'array':
      return (whole.minItems ?? 0) > 0 && whole.items ? [example(whole.items, document, depth + 1)] : [];
    case 'integer':
    case 'number':
      return whole.minimum ?? 0;
    case 'boolean':
      return false;
    case 'null':
      return null;
    default:
      return 'string';
  }
}
