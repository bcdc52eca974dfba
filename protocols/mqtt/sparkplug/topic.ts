import { ok, type Result } from '../../../src/core/result.ts'
import { utf8 } from './cursor.ts'
import { fail, type SparkplugError } from './errors.ts'

/** @source Sparkplug B 3.0, 4.1 topic namespace elements */
const NAMESPACE = 'spBv1.0'
const NODE_TYPES = ['NBIRTH', 'NDEATH', 'NDATA', 'NCMD'] as const
const DEVICE_TYPES = ['DBIRTH', 'DDEATH', 'DDATA', 'DCMD'] as const
export type MessageType = (typeof NODE_TYPES)[number] | (typeof DEVICE_TYPES)[number] | 'STATE'

/** How a message type is published. @source Sparkplug B 3.0, 6.4 message types: QoS and retain of each */
export const DELIVERY: Readonly<Record<MessageType, { readonly qos: 0 | 1; readonly retained: boolean }>> = {
  NBIRTH: { qos: 0, retained: false },
  NDEATH: { qos: 1, retained: false },
  NDATA: { qos: 0, retained: false },
  NCMD: { qos: 0, retained: false },
  DBIRTH: { qos: 0, retained: false },
  DDEATH: { qos: 0, retained: false },
  DDATA: { qos: 0, retained: false },
  DCMD: { qos: 0, retained: false },
  STATE: { qos: 1, retained: true },
}

/** Who speaks to whom. An edge node (边缘节点) speaks for itself or for a device (设备) behind it; a host (主机应用) says its state. */
export type Topic =
  | { readonly type: 'STATE'; readonly host: string }
  | { readonly type: Exclude<MessageType, 'STATE'>; readonly group: string; readonly node: string; readonly device: string | null }

/** Who sent a message, and of what type. */
export type Sender = Exclude<Topic, { readonly type: 'STATE' }>

const isOneOf = <T extends string>(list: readonly T[], text: string): text is T => list.some((item) => item === text)

/**
 * Takes a topic apart.
 *
 * @errors  SPARKPLUG_TOPIC
 * @source  Sparkplug B 3.0, 4.1; host state of 2.2: STATE/<host>
 */
export function parseTopic(topic: string): Result<Topic, SparkplugError> {
  const wrong = (what: string) => fail('SPARKPLUG_TOPIC', `${topic.slice(0, 200)}: ${what}`, { topic: topic.slice(0, 200) })
  const levels = topic.split('/', 6)
  if (levels.some((level) => level === '')) return wrong('an empty level')
  const [first, group, type, node, device] = levels
  if (first === 'STATE' && levels.length === 2) return ok({ type: 'STATE', host: group! })
  if (first !== NAMESPACE) return wrong(`the first level must be ${NAMESPACE}`)
  if (group === 'STATE' && levels.length === 3) return ok({ type: 'STATE', host: type! })
  if (group === undefined || type === undefined || node === undefined) return wrong('group, type or node is missing')
  if (isOneOf(NODE_TYPES, type)) return levels.length === 4 ? ok({ type, group, node, device: null }) : wrong(`${type} has no device`)
  if (isOneOf(DEVICE_TYPES, type))
    return levels.length === 5 && device !== undefined ? ok({ type, group, node, device }) : wrong(`${type} needs one device`)
  return wrong(`${type} is no message type`)
}

/** Topic of a command to an edge node. */
export const commandTopic = (group: string, node: string): string => `${NAMESPACE}/${group}/NCMD/${node}`

/** What a host application says of itself. */
export interface HostState {
  readonly encoding: 'plain text (Sparkplug 2.2)' | 'JSON (Sparkplug 3.0)'
  readonly online: boolean
  readonly timestamp: number | null
}

/**
 * State of a host application.
 *
 * @errors  SPARKPLUG_STATE
 * @source  Sparkplug B 3.0, 6.4.26 STATE; 2.2: ONLINE or OFFLINE as text
 */
export function parseHostState(bytes: Uint8Array): Result<HostState, SparkplugError> {
  const text = bytes.length <= 1000 ? utf8(bytes)?.trim() : undefined
  if (text === undefined) return fail('SPARKPLUG_STATE', `${bytes.length} bytes are no host state`)
  if (text === 'ONLINE' || text === 'OFFLINE')
    return ok({ encoding: 'plain text (Sparkplug 2.2)', online: text === 'ONLINE', timestamp: null })
  const { online, timestamp } = membersOf(text)
  if (typeof online !== 'boolean' || (timestamp !== undefined && typeof timestamp !== 'number'))
    return fail('SPARKPLUG_STATE', `host state ${JSON.stringify(text.slice(0, 60))} is not understood`)
  return ok({ encoding: 'JSON (Sparkplug 3.0)', online, timestamp: timestamp ?? null })
}

const membersOf = (text: string): { readonly online?: unknown; readonly timestamp?: unknown } => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}
