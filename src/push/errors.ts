import { type ErrorTable, failWith, type GatewayError } from '../core/index.ts'

/** Every way the memory of pushed messages fails, and what happens next. */
const table = {
  PUSH_DISK: {
    recovery: 'wait',
    hint: 'free space on the disk of the push directory, then check its owner, its mount and errors in dmesg; it goes on by itself',
  },
  PUSH_BUSY: {
    recovery: 'wait',
    hint: 'messages come faster than the disk takes them: look for a device that floods, or a disk that hangs',
  },
  PUSH_TOO_LARGE: { recovery: 'skip', hint: 'one record may have a megabyte: the message is larger than a meter needs' },
  PUSH_DAMAGED: {
    recovery: 'skip',
    hint: 'the unreadable part is left out, the rest is kept: check the disk and the memory of this machine',
  },
  PUSH_CLOSED: { recovery: 'stop', hint: 'the gateway is stopping: the broker sends it again after the start' },
  PUSH_STORE_SILENT: {
    recovery: 'retry',
    hint: 'the store could not say whether the row is there; the reading was taken as a late one: look at the store',
  },
  PUSH_TEMPLATE: {
    recovery: 'stop',
    hint: 'a topic template has levels of plain text and {gateway} {measurement} {meter} {point} {area} {source} {code}, no + and no #',
  },
  PUSH_TOPIC: { recovery: 'skip', hint: 'an MQTT topic has 65,535 bytes at most: shorten the template, or the name of the meter' },
  PUSH_READING: { recovery: 'skip', hint: 'the reading has no JSON form: look at its time and its values' },
  PUSH_PUBLISH: { recovery: 'wait', hint: 'the broker did not acknowledge in time: see its log and the link to it' },
} as const satisfies ErrorTable

export type PushErrorCode = keyof typeof table
export type PushError = GatewayError<PushErrorCode>
export const fail = failWith(table)

/** Something a person should read: what happened, and what was done about it. */
export type Say = (error: GatewayError) => void

export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Text of a stranger, at most `most` characters; no half of a pair is left at the end. */
export const cut = (text: string, most: number): string => {
  if (text.length <= most) return text
  const last = text.charCodeAt(most - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? most - 1 : most)
}

/** The same as a text of its own: what is cut out of a message would keep the whole message in memory. */
export const keptText = (text: string, most: number): string => Buffer.from(cut(text, most), 'utf16le').toString('utf16le')
