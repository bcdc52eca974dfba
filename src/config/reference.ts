import { GatewaySchema, LedgerSchema } from './schema.ts'

/** The little of JSON Schema that our schemas use. */
interface Node {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly pattern?: string
  readonly properties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
  readonly items?: Node
  readonly oneOf?: readonly Node[]
}

/** The configuration reference as Markdown, made from the schemas that check the files. */
export const configurationReference = (): string =>
  [
    '# Configuration reference',
    '',
    'Made from the schemas by `gridtally config reference`; a test keeps it in step. `gridtally check -c FILE` checks a file and starts nothing,',
    '`gridtally config print -c FILE` shows it with every default filled in, `gridtally config schema` prints the JSON Schema for your editor.',
    '',
    '## gateway.yaml',
    '',
    ...tableOf(plain(GatewaySchema)),
    '',
    '## ledger.yaml',
    '',
    ...tableOf(plain(LedgerSchema)),
    '',
  ].join('\n')

/** A schema as the plain JSON it is. */
const plain = (schema: object): Node => JSON.parse(JSON.stringify(schema))

const tableOf = (schema: Node): string[] => ['| setting | values | default | meaning |', '| --- | --- | --- | --- |', ...rowsOf(schema, '')]

const rowsOf = (node: Node, path: string): string[] => {
  const rows: string[] = []
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    const here = `${path}${name}`
    const isRequired = node.required?.includes(name) ?? false
    const inner = child.items ?? child
    rows.push(`| \`${here}${child.items ? '[]' : ''}\` | ${valuesOf(inner)} | ${defaultOf(child, isRequired)} | ${meaningOf(child)} |`)
    const deeper = `${here}${child.items ? '[]' : ''}.`
    if (inner.properties) rows.push(...rowsOf(inner, deeper))
    for (const branch of inner.oneOf ?? []) {
      const kind = String(branch.properties?.kind?.const)
      rows.push(
        ...rowsOf(
          { ...branch, properties: Object.fromEntries(Object.entries(branch.properties ?? {}).filter(([key]) => key !== 'kind')) },
          `${deeper}(${kind}).`,
        ),
      )
    }
  }
  return rows
}

const valuesOf = ({ type, const: only, enum: allowed, minimum, maximum, oneOf }: Node): string => {
  if (only !== undefined) return `\`${only}\``
  if (allowed) return allowed.map((value) => `\`${value}\``).join(' ')
  if (oneOf) return oneOf.map((branch) => `\`kind: ${branch.properties?.kind?.const}\``).join(' or ')
  const range =
    minimum !== undefined && maximum !== undefined ? `, ${minimum} to ${maximum}` : minimum !== undefined ? `, from ${minimum}` : ''
  return type === 'object' ? '' : `${type === 'string' ? 'text' : type === 'boolean' ? '`true` `false`' : (type ?? '')}${range}`
}

const defaultOf = (node: Node, isRequired: boolean): string =>
  isRequired ? 'required' : node.default === undefined ? '' : `\`${node.default}\``
const meaningOf = ({ description, items }: Node): string => (description ?? items?.description ?? '').replaceAll('|', '\\|')
