import { type AnyNode, type Expression, type Property, parse, parseExpressionAt } from 'acorn';
import type { SourceFile } from './source-file.ts';

/**
 * What a JavaScript expression comes to as far as literals tell. Nothing is evaluated: no function is called, no module
 * loaded. `unknown` is whatever only running it would tell.
 */
export type Literal =
  | {
      type: 'text';
      text: string /** Of the characters in the file. */;
      offset: number;
      length: number;
      fallback?: string;
    }
  | { type: 'object'; entries: { key: string; keyOffset: number; value: Literal }[]; complete: boolean; offset: number }
  | { type: 'list'; items: Literal[]; complete: boolean; offset: number }
  | { type: 'unknown'; why: string; offset: number };

/** Steps from literal to literal, at most: constants may refer to one another in circles. */
const STEPS_MAX = 100_000;

/** @returns what `module.exports` or `export default` is set to, or the reason why that cannot be told */
export function exportedLiteral(file: SourceFile): Literal {
  try {
    const options = { ecmaVersion: 'latest', allowHashBang: true, allowReturnOutsideFunction: true } as const;
    let program: ReturnType<typeof parse>;
    try {
      program = parse(file.text, { ...options, sourceType: 'module' });
    } catch {
      program = parse(file.text, { ...options, sourceType: 'script' });
    }
    const scope = new Map<string, Expression>();
    let exported: Expression | undefined;
    for (const statement of program.body) {
      const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
      if (declaration?.type === 'VariableDeclaration') {
        for (const { id, init } of declaration.declarations)
          if (id.type === 'Identifier' && init) scope.set(id.name, init);
      } else if (
        statement.type === 'ExportDefaultDeclaration' &&
        !/^(Function|Class)Declaration$/.test(statement.declaration.type)
      ) {
        exported = statement.declaration as Expression;
      } else if (statement.type === 'ExpressionStatement' && statement.expression.type === 'AssignmentExpression') {
        const { left, right } = statement.expression;
        if (/^(module\.)?exports$/.test(file.text.slice(left.start, left.end))) exported = right;
      }
    }
    if (!exported) return { type: 'unknown', why: 'nothing is exported here', offset: 0 };
    return new LiteralReader(file, scope).read(exported);
  } catch (error) {
    return unreadable(error);
  }
}

/** A JSON file, read as the expression that it is, so that each value has its place. */
export function jsonLiteral(file: SourceFile): Literal {
  try {
    return new LiteralReader(file, new Map()).read(parseExpressionAt(file.text, 0, { ecmaVersion: 'latest' }));
  } catch (error) {
    return unreadable(error);
  }
}

function unreadable(error: unknown): Literal {
  const { message, pos } = error as Error & { pos?: number };
  if (error instanceof RangeError || message.includes('stack')) {
    return { type: 'unknown', why: 'it is nested too deep', offset: 0 };
  }
  return { type: 'unknown', why: `it cannot be parsed: ${message}`, offset: pos ?? 0 };
}

export function entryOf(literal: Literal | undefined, key: string): Literal | undefined {
  return literal?.type === 'object' ? literal.entries.find((entry) => entry.key === key)?.value : undefined;
}

export function textOf(literal: Literal | undefined): string | undefined {
  return literal?.type === 'text' ? literal.text : undefined;
}

class LiteralReader {
  readonly #file: SourceFile;
  readonly #scope: ReadonlyMap<string, Expression>;
  #steps = 0;

  constructor(file: SourceFile, scope: ReadonlyMap<string, Expression>) {
    this.#file = file;
    this.#scope = scope;
  }

  read(node: AnyNode): Literal {
    if (++this.#steps > STEPS_MAX) return this.#unknown(node, 'its constants refer to one another without end');
    switch (node.type) {
      case 'Literal':
        return this.#text(node, typeof node.value === 'string' ? 1 : 0);
      case 'TemplateLiteral':
        return node.expressions.length === 0
          ? this.#text(node, 1)
          : this.#unknown(node, 'it is put together from parts');
      case 'ParenthesizedExpression':
        return this.read(node.expression);
      case 'ObjectExpression':
        return this.#object(node.properties, node.start);
      case 'ArrayExpression':
        return this.#list(node.elements, node.start);
      case 'Identifier': {
        const value = this.#scope.get(node.name);
        return value ? this.read(value) : this.#unknown(node, `${node.name} is not set to a literal in this file`);
      }
      case 'MemberExpression':
        return this.#member(node.object, node.property, node.computed, node);
      case 'LogicalExpression': {
        // `process.env.PORT || 5570`: the variable may give another.
        const right = this.read(node.right);
        const left = this.#file.text.slice(node.left.start, node.left.end);
        const variable = /\benv(?:\.|\[['"])([A-Za-z_]\w*)/.exec(left)?.[1];
        return right.type === 'text' && node.operator !== '&&'
          ? { ...right, fallback: variable ?? left }
          : this.#unknown(node, 'it depends on what is set when it runs');
      }
      case 'CallExpression': {
        const called = this.#file.text.slice(node.callee.start, node.callee.end);
        const [first] = node.arguments;
        if (
          /^(Number|parseInt|String|defineConfig|Object\.freeze)$/.test(called) &&
          first &&
          first.type !== 'SpreadElement'
        )
          return this.read(first);
        return this.#unknown(node, `${called.slice(0, 40)}(…) would have to be run`);
      }
      default:
        return this.#unknown(node, 'it would have to be run');
    }
  }

  #text(node: AnyNode, quotes: number): Literal {
    const offset = node.start + quotes;
    const length = node.end - node.start - 2 * quotes;
    return { type: 'text', text: this.#file.text.slice(offset, offset + length), offset, length };
  }

  #object(properties: readonly AnyNode[], offset: number): Literal {
    const entries = new Map<string, { key: string; keyOffset: number; value: Literal }>();
    let complete = true;
    for (const property of properties) {
      if (property.type === 'SpreadElement') {
        const spread = this.read(property.argument);
        if (spread.type !== 'object' || !spread.complete) complete = false;
        if (spread.type === 'object') for (const entry of spread.entries) entries.set(entry.key, entry);
        continue;
      }
      const { key, value, computed, shorthand } = property as Property;
      const name = key.type === 'Identifier' ? key.name : key.type === 'Literal' ? String(key.value) : undefined;
      if (computed || name === undefined) {
        complete = false;
        continue;
      }
      entries.set(name, { key: name, keyOffset: key.start, value: this.read(shorthand ? key : value) });
    }
    return { type: 'object', entries: [...entries.values()], complete, offset };
  }

  #list(elements: readonly (AnyNode | null)[], offset: number): Literal {
    const items: Literal[] = [];
    let complete = true;
    for (const element of elements) {
      if (element?.type === 'SpreadElement') {
        const spread = this.read(element.argument);
        if (spread.type === 'list') items.push(...spread.items);
        else complete = false;
        if (spread.type === 'list' && !spread.complete) complete = false;
      } else if (element) {
        items.push(this.read(element));
      }
      if (items.length > STEPS_MAX) return { type: 'list', items: [], complete: false, offset };
    }
    return { type: 'list', items, complete, offset };
  }

  #member(object: AnyNode, property: AnyNode, computed: boolean, node: AnyNode): Literal {
    const name =
      !computed && property.type === 'Identifier'
        ? property.name
        : property.type === 'Literal'
          ? String(property.value)
          : undefined;
    const from = this.read(object);
    const found =
      name === undefined ? undefined : from.type === 'list' ? from.items[Number(name)] : entryOf(from, name);
    return found ?? this.#unknown(node, 'it would have to be run');
  }

  #unknown(node: AnyNode, why: string): Literal {
    return { type: 'unknown', why, offset: node.start };
  }
}
