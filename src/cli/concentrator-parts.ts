import type { Command } from 'commander'
import type { Ordering } from './concentrator-jobs.ts'
import { CommandFailed, EXIT } from './output.ts'

export type Arguments = Ordering & Readonly<Record<string, unknown>>

/** Makes a command that asks a running gateway. */
export type Maker = (parent: Command, name: string, description: string, options?: { isDefault: boolean }) => Command

export const why = (command: Command): Command => command.requiredOption('--why <reason>', 'the reason, for the record')
export const meters = (command: Command): Command => command.option('--meter <meter...>', 'only these, by ledger id or address')
export const failWhen = (isBad: boolean): void => {
  if (isBad) process.exitCode = EXIT.failed
}

interface Given {
  readonly url: string
  readonly token?: string | undefined
  readonly json?: boolean | undefined
  readonly background?: boolean | undefined
}

export const accessOf = ({ url, token, json, background }: Given): Ordering => ({
  url,
  ...(token === undefined ? {} : { token }),
  ...(json ? { json } : {}),
  ...(background ? { background } : {}),
})

export const whole = (text: string, what: string): number => {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new CommandFailed(`"${text}" is no number: ${what} is wanted`, EXIT.usage)
}
