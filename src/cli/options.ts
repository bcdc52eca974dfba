import { type Command, InvalidArgumentError, Option } from 'commander'
import { durationMs } from '../config/index.ts'

/** A length of time on the command line: `45s`. */
export const duration = (text: string): number => {
  if (!/^\d+(ms|s|m|h)$/.test(text)) throw new InvalidArgumentError('a number and ms, s, m or h: 45s')
  return durationMs(text)
}
export const integer =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < least || value > most) throw new InvalidArgumentError(`a whole number from ${least} to ${most}`)
    return value
  }
export const positive = (text: string): number => {
  const value = Number(text)
  if (!(value > 0 && value <= 100_000)) throw new InvalidArgumentError('a number above 0, at most 100000')
  return value
}
export const share = (text: string): number => {
  const value = Number(text)
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('a number from 0 to 1')
  return value
}
export const json = () => new Option('--json', 'one JSON document instead of text')
export const config = () => new Option('-c, --config <file>', 'configuration file').default('config/gateway.yaml')

/** A command that asks the API of a running gateway. */
export const asking = (command: Command): Command =>
  command
    .option('--url <url>', 'address of the API', 'http://127.0.0.1:8645')
    .option('--token <token>', 'bearer token; or in the environment as GRIDTALLY_TOKEN')
    .addOption(json())
