/** Failure in the field is a value; `throw` means a bug in our code. */
export type Result<T, E = GatewayError> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E }

/** What the machine does next, without a person. */
export type Recovery =
  | 'retry' //   ask again, within the tries allowed
  | 'resync' //  drop one byte and look for the next frame
  | 'skip' //    this value stays absent, the others are kept
  | 'split' //   ask for less at a time
  | 'wait' //    later, with a growing pause
  | 'stop' //    nothing until a person has acted

/** One failure: a stable code, what happened, what the machine does and what a person can do. Nothing branches on `message`. */
export interface GatewayError<Code extends string = string> {
  readonly code: Code
  readonly message: string
  readonly recovery: Recovery
  readonly hint: string
  readonly context: Readonly<Record<string, string | number | boolean | null>>
}

export const ok = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value })
export const err = <E = GatewayError>(error: E): { readonly ok: false; readonly error: E } => ({ ok: false, error })

/** What a room's error table holds for each code. */
export type ErrorTable = Readonly<Record<string, { readonly recovery: Recovery; readonly hint: string }>>

/** Hints of every table made so far: a stored reading keeps only the code of why a value is absent. */
const hints = new Map<string, string>()

/**
 * Makes a room's `fail` out of its table, so that a code without recovery and hint cannot exist.
 *
 * @returns  a function from code, message and context to a failed {@link Result}
 */
export const failWith = <Table extends ErrorTable>(table: Table) => {
  for (const [code, { hint }] of Object.entries(table)) hints.set(code, hint)
  return <Code extends keyof Table & string>(code: Code, message: string, context: GatewayError['context'] = {}) => {
    const entry = table[code]
    if (entry === undefined) throw new Error(`error code ${code} is not in its table`)
    return err<GatewayError<Code>>({ code, message, context, recovery: entry.recovery, hint: entry.hint })
  }
}

/** What a person can do about an error code; null when no room knows it. */
export const hintOf = (code: string): string | null => hints.get(code) ?? null

/** One line for a person: code, what happened, what to do. */
export const explain = (error: GatewayError): string => `${error.code} ${error.message}; ${error.hint}`

/** A failure out of the middle of a stream, where it cannot be a value: a part of the gateway is out, and that is no bug. */
export class PartFailed extends Error {
  override readonly name = 'PartFailed'
  readonly failure: GatewayError

  constructor(failure: GatewayError) {
    super(explain(failure))
    this.failure = failure
  }
}

/** A count and its word: `1 meter`, `3 meters`. */
export const many = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`
