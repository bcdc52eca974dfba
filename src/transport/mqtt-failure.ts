import type { GatewayError } from '../core/index.ts'
import { fail } from './errors.ts'
import { mqttPackage } from './packages.ts'

/** Where something went wrong. */
export interface MqttPlace {
  /** `plant mqtt://broker:1883`. */
  readonly name: string
  readonly clientId: string
  readonly secure: boolean
  /** TCP, and TLS where it is spoken, stood. */
  readonly isOpen: boolean
}

/** The network itself, as Node names it. */
const UNREACHABLE = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT']

/**
 * CONNACK codes that say who is not welcome, of both versions.
 *
 * @source MQTT 3.1.1, table 3.1; MQTT 5, 3.2.2.2: 0x86 user name or password, 0x87 not authorized, 0x8A banned, 0x8C method
 */
const LOGIN = [4, 5, 0x86, 0x87, 0x8a, 0x8c]

/** What a reason code of the broker says. @source MQTT 5, 2.4 reason code */
export const reasonText = (code: number): string => {
  const known: unknown = Reflect.get(mqttPackage().ReasonCodes, code)
  return typeof known === 'string' && known !== '' ? known.toLowerCase() : `reason ${code}`
}

/** The broker answered our CONNECT with a refusal. */
export const refusalOf = (code: number, { name, clientId }: MqttPlace): GatewayError =>
  fail(LOGIN.includes(code) ? 'MQTT_REFUSED_LOGIN' : 'MQTT_REFUSED', `${name} refuses ${clientId}: ${reasonText(code)}`, {
    clientId,
    reason: code,
  }).error

/** What an error of socket, TLS or `mqtt` means. */
export const failureOf = (error: Error, place: MqttPlace): GatewayError => {
  const { name, clientId, secure, isOpen } = place
  const given: unknown = Reflect.get(error, 'code')
  if (typeof given === 'number') return refusalOf(given, place)
  const code = typeof given === 'string' ? given : null
  const context = { clientId, cause: code ?? error.message }
  if (code === 'ECONNREFUSED') return fail('MQTT_UNREACHABLE', `${name}: nothing listens there`, context).error
  if (code !== null && UNREACHABLE.includes(code))
    return fail('MQTT_UNREACHABLE', `${name} cannot be reached by ${clientId} (${code})`, context).error
  // Until TLS stands, every other end is one of TLS: a port that speaks none hangs up, too.
  if (secure && (!isOpen || /^(ERR_SSL|ERR_TLS|EPROTO)/.test(code ?? '')))
    return fail('MQTT_TLS', `${name}: no TLS connection for ${clientId}: ${error.message}`, context).error
  if (code !== null) return fail('MQTT_CLOSED', `${name} broke the connection of ${clientId} (${code})`, context).error
  return fail('MQTT_PROTOCOL', `${name}: ${error.message}`, context).error
}

/** Errors that a quick repetition does not cure. */
export const isStubborn = ({ code }: GatewayError): boolean =>
  code === 'MQTT_REFUSED_LOGIN' || code === 'MQTT_REFUSED' || code === 'MQTT_TLS' || code === 'MQTT_PROTOCOL'
