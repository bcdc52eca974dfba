import { asked } from './gateway-api.ts'
import { print, printJson, table } from './output.ts'

export interface EnergyArguments {
  readonly from: string
  readonly to: string
  readonly period: '15m' | '1h' | 'day' | 'month'
  readonly register?: readonly string[]
  readonly detail?: boolean
  readonly url: string
  readonly token?: string
  readonly json?: boolean
}

interface Item {
  readonly from: string
  readonly to: string
  readonly value: string | null
  readonly quality: readonly string[]
  readonly reasons: readonly string[]
  readonly estimatedPpm: number
  readonly version: number
  readonly evidence: {
    readonly start: { readonly register: string } | null
    readonly end: { readonly register: string } | null
    readonly segments: readonly { readonly meter: string; readonly ratio: string; readonly delta: string }[]
  } | null
}
interface Register {
  readonly register: string
  readonly unit: string
  readonly total: string | null
  readonly known: number
  readonly due: number
  readonly estimatedPpm: number
  readonly items: readonly Item[]
  readonly findings: readonly { readonly code: string; readonly at: string; readonly would: string | null; readonly note: string }[]
}

/** `gridtally energy POINT`: interval energy of a point, as the running gateway gives it out. */
export const energy = async (point: string, args: EnergyArguments): Promise<void> => {
  const answer = await asked(args, `/api/v1/points/${encodeURIComponent(point)}/energy`, {
    from: args.from,
    to: args.to,
    period: args.period,
    ...(args.detail ? { detail: 'true' } : {}),
  })
  const wanted = (answer.registers as readonly Register[]).filter(({ register }) => !args.register || args.register.includes(register))
  if (args.json) return printJson({ ...answer, registers: wanted })
  print(`${point}  ${args.period}  ${String(answer.from)} to ${String(answer.to)}  days of ${String(answer.zone)}`)
  if (answer.pending) print('some of it is being worked out again')
  if (wanted.length === 0) print('no energy is known of that time')
  for (const register of wanted) show(register)
}

const show = ({ register, unit, total, known, due, estimatedPpm, items, findings }: Register): void => {
  const share = estimatedPpm > 0 ? `, ${estimatedPpm / 10_000} % of it split or estimated` : ''
  print(`\n${register}  ${total ?? 'not known'} ${total === null ? '' : unit}  ${known} of ${due} intervals known${share}`)
  print(
    table(
      items.map(({ from, value, reasons, quality, version, evidence }) => [
        `  ${from}`,
        (value ?? '-').padStart(14),
        version > 1 ? `version ${version}` : '',
        [...reasons, ...quality.filter((name) => name !== 'good' && !reasons.includes(name))].join(', '),
        evidence ? evidence.segments.map(({ meter, ratio, delta }) => `${meter}: ${delta} × ${ratio}`).join(' + ') : '',
      ]),
    ),
  )
  for (const { code, at, would, note } of findings)
    print(`  ! ${at} ${code}: ${note}${would === null ? '' : `; it would have been ${would} ${unit}`}`)
}
