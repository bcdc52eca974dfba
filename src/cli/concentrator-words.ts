import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { CommandFailed, EXIT, print, table } from './output.ts'

const TextOrNull = Type.Union([Type.String(), Type.Null()])
const Scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()])

/** A result in its form; whoever answered something else is another gateway. */
export const formed = <Schema extends TSchema>(schema: Schema, result: unknown): Static<Schema> => {
  if (Value.Check(schema, result)) return result
  throw new CommandFailed('the gateway answered something else than was asked for: is it of the same version?')
}

export const Counts = Type.Object({
  ...{ records: Type.Integer(), same: Type.Integer(), onlyInLedger: Type.Integer(), onlyInConcentrator: Type.Integer() },
  ...{ differs: Type.Integer(), second: Type.Integer(), problems: Type.Integer() },
})
export const countsText = ({ records, same, onlyInLedger, onlyInConcentrator, differs, second, problems }: Static<typeof Counts>): string =>
  [
    `${records} records, ${same} as in the ledger`,
    ...[[onlyInLedger, 'only in the ledger'] as const, [onlyInConcentrator, 'only in the concentrator'] as const],
    ...[[differs, 'differ'] as const, [second, 'second records of a meter'] as const, [problems, 'meters with a problem'] as const],
  ]
    .flatMap((part) => (typeof part === 'string' ? [part] : part[0] > 0 ? [`${part[0]} ${part[1]}`] : []))
    .join(', ')

const Record = Type.Object({
  ...{ number: Type.Integer(), pn: Type.Integer(), address: Type.String(), port: Type.Integer(), protocol: Type.String() },
  ...{ collector: Type.String(), userClass: Type.Integer(), userSubclass: Type.Integer() },
})
export const Archive = Type.Object({
  counts: Type.Object({ ...Counts.properties, readAt: Type.String() }),
  records: Type.Array(Type.Object({ ...Record.properties, meter: TextOrNull })),
})
const Difference = Type.Object({
  ...{ kind: Type.String(), meter: TextOrNull, address: Type.String(), replaces: TextOrNull },
  ...{ wanted: Type.Union([Record, Type.Null()]), held: Type.Union([Record, Type.Null()]) },
  fields: Type.Array(Type.Object({ name: Type.String(), wanted: Scalar, held: Scalar })),
})
export const Diff = Type.Object({
  counts: Type.Object({ ...Counts.properties, readAt: Type.String() }),
  items: Type.Array(Difference),
  problems: Type.Array(Type.Object({ meter: Type.String(), message: Type.String() })),
})

export const showArchive = ({ counts, records }: Static<typeof Archive>): void => {
  print(`read ${counts.readAt}: ${countsText(counts)}`)
  if (records.length === 0) return
  const rows = records.map(({ number, pn, address, port, protocol, collector, userClass, userSubclass, meter }) => [
    ...[
      String(number),
      String(pn),
      address,
      String(port),
      protocol,
      /^0+$/.test(collector) ? '' : collector,
      `${userClass}/${userSubclass}`,
    ],
    meter ?? '(not in the ledger)',
  ])
  print(table([['no', 'pn', 'address', 'port', 'protocol', 'collector', 'class', 'meter'], ...rows]))
}

const WHERE: Readonly<{ [kind: string]: string }> = {
  'only-in-ledger': 'only in the ledger',
  'only-in-concentrator': 'only in the concentrator',
  differs: 'differs',
  second: 'second record',
}

export const showDiff = ({ counts, items, problems }: Static<typeof Diff>): void => {
  print(`read ${counts.readAt}: ${countsText(counts)}`)
  const rows = items.map(({ kind, meter, address, wanted, held, fields, replaces }) => [
    ...[String(wanted?.number ?? held?.number ?? ''), String(wanted?.pn ?? held?.pn ?? ''), address, meter ?? '', WHERE[kind] ?? kind],
    [
      ...fields.map(({ name, wanted: one, held: other }) => `${name} ${String(other)}, ledger ${String(one)}`),
      ...(replaces === null ? [] : [`its number is taken by ${replaces}`]),
    ].join('; '),
  ])
  if (rows.length > 0) print(table([['no', 'pn', 'address', 'meter', 'where', 'how'], ...rows]))
  for (const { message } of problems) print(`problem: ${message}`)
}

export const Report = Type.Object({
  ...{ done: Type.Integer(), failed: Type.Integer(), notSent: Type.Integer(), after: Type.Union([Counts, Type.Null()]) },
  records: Type.Array(
    Type.Object({
      number: Type.Integer(),
      address: Type.String(),
      meter: TextOrNull,
      outcome: Type.String(),
      code: TextOrNull,
      message: TextOrNull,
      hint: TextOrNull,
    }),
  ),
})

/** @returns whether every record came to what was wanted */
export const showReport = ({ done, failed, notSent, records, after }: Static<typeof Report>, what: string): boolean => {
  const bad = records.filter(({ outcome }) => outcome === 'failed' || outcome === 'not-sent')
  print(
    `${done} of ${records.length} records ${what}${failed > 0 ? `, ${failed} failed` : ''}${notSent > 0 ? `, ${notSent} not sent` : ''}`,
  )
  if (bad.length > 0)
    print(
      table([
        ['no', 'address', 'meter', 'outcome', 'why'],
        ...bad.map(({ number, address, meter, outcome, code, message }) => [
          ...[String(number), address, meter ?? '', outcome, `${code ?? ''} ${message ?? ''}`.trim()],
        ]),
      ]),
    )
  const unproved = records.filter(({ outcome }) => outcome === 'unproved').length
  if (unproved > 0) print(`${unproved} were confirmed and could not be read back: gridtally concentrator archive read`)
  print(after ? `now ${countsText(after)}` : 'it could not be read back')
  return bad.length === 0
}

export const Outcomes = Type.Array(
  Type.Object({
    ...{
      id: Type.String(),
      pn: Type.Union([Type.Integer(), Type.Null()]),
      outcome: Type.String(),
      value: Type.Unknown(),
      wanted: Type.Unknown(),
    },
    ...{ differing: Type.Array(Type.String()), code: TextOrNull, message: TextOrNull },
  }),
)

/** @returns whether nothing failed or differs */
export const showOutcomes = (outcomes: Static<typeof Outcomes>): boolean => {
  for (const { id, pn, outcome, value, wanted, differing, code, message } of outcomes) {
    print(`${id}${pn === null ? '' : ` of point ${pn}`}: ${outcome}${code ? `: ${code} ${message ?? ''}` : ''}`)
    if (value !== null) for (const line of lines(value)) print(`  ${line}`)
    for (const path of differing) print(`  wanted ${path}: ${JSON.stringify(at(wanted, path))}`)
  }
  return outcomes.every(({ outcome }) => outcome === 'read' || outcome === 'same' || outcome === 'set')
}

const at = (value: unknown, path: string): unknown =>
  path === 'value'
    ? value
    : path
        .split('.')
        .reduce<unknown>(
          (inner, name) =>
            typeof inner === 'object' && inner !== null ? Object.entries(inner).find(([key]) => key === name)?.[1] : undefined,
          value,
        )

/** A value as lines: members one below the other. */
const lines = (value: unknown): readonly string[] =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value).map(([name, inner]) => `${name}: ${typeof inner === 'string' ? inner : JSON.stringify(inner)}`)
    : [JSON.stringify(value)]

export const Reads = Type.Array(
  Type.Object({
    ...{
      meter: Type.String(),
      address: Type.String(),
      pn: Type.Union([Type.Integer(), Type.Null()]),
      way: Type.String(),
      code: TextOrNull,
      message: TextOrNull,
    },
    samples: Type.Array(
      Type.Object({
        at: TextOrNull,
        values: Type.Array(Type.Object({ obis: Type.String(), unit: Type.String(), value: TextOrNull, code: TextOrNull })),
      }),
    ),
  }),
)

/** @returns whether every meter gave something */
export const showReads = (reads: Static<typeof Reads>): boolean => {
  const rows = reads.flatMap(({ meter, way, code, message, samples }) =>
    code !== null
      ? [[meter, way, '', '', `${code} ${message ?? ''}`]]
      : samples.flatMap(({ at: time, values }) =>
          values.map(({ obis, unit, value, code: why }) => [
            meter,
            way,
            time ?? 'now',
            obis,
            value === null ? `- ${why ?? ''}`.trim() : `${value} ${unit}`.trim(),
          ]),
        ),
  )
  print(table([['meter', 'way', 'of', 'register', 'value'], ...rows]))
  return reads.every(({ code }) => code === null)
}

export const Items = Type.Array(
  Type.Object({
    item: Type.String(),
    label: Type.Union([Type.Object({ en: Type.String(), zh: Type.String() }), Type.Null()]),
    meter: Type.Union([Type.Object({ pn: Type.Integer() }), Type.Object({ address: Type.String() }), Type.Null()]),
    facts: Type.Array(Type.Object({ name: Type.String(), value: TextOrNull, unit: Type.String() })),
    raw: Type.String(),
  }),
)

export const showItems = (items: Static<typeof Items>): void => {
  for (const { item, label, meter, facts, raw } of items) {
    const where = meter === null ? '' : 'pn' in meter ? ` of point ${meter.pn}` : ` of ${meter.address}`
    print(`${item}${where}${label ? `  ${label.en} (${label.zh})` : ''}`)
    if (facts.length > 0)
      print(table(facts.map(({ name, value, unit }) => [`  ${name}`, value === null ? '-' : `${value} ${unit}`.trim()])))
    print(`  raw ${raw}`)
  }
}

export const Routes = Type.Array(
  Type.Object({
    meter: TextOrNull,
    address: TextOrNull,
    pn: Type.Union([Type.Integer(), Type.Null()]),
    facts: Type.Record(Type.String(), Scalar),
  }),
)

export const showRoutes = (routes: Static<typeof Routes>): void => {
  if (routes.length === 0) {
    print('nothing is known of signal and routes: gridtally concentrator routes read asks for them')
    return
  }
  const names = [...new Set(routes.flatMap(({ facts }) => Object.keys(facts)))]
  const rows = routes.map(({ meter, address, pn, facts }) => [
    ...[meter ?? '', address ?? '', pn === null ? '' : String(pn)],
    ...names.map((name) => (facts[name] === null || facts[name] === undefined ? '-' : String(facts[name]))),
  ])
  print(table([['meter', 'address', 'pn', ...names], ...rows]))
}

/** JSON of a command line, or of a file behind an @. */
export const jsonOf = (text: string, read: (path: string) => string): unknown => {
  const source = text.startsWith('@') ? read(text.slice(1)) : text
  try {
    const value: unknown = JSON.parse(source)
    return value
  } catch (error) {
    throw new CommandFailed(`${text}: ${error instanceof Error ? error.message : String(error)}; JSON, or @FILE with it`, EXIT.usage)
  }
}
