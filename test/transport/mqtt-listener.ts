import { connect } from 'node:net'
import { type IClientOptions, MqttClient } from 'mqtt'
import { onTestFinished, vi } from 'vitest'
import {
  type MqttDelivery,
  type MqttEnd,
  type MqttListener,
  type MqttOversize,
  type MqttSettings,
  openMqtt,
} from '../../src/transport/index.ts'

/** An end under test that writes down what it hears and answers as the test says. */
export interface Heard {
  readonly end: MqttEnd
  readonly messages: MqttDelivery[]
  readonly large: MqttOversize[]
  /** Every state it told of, for each connection. */
  readonly states: string[][]
}

/** Opens an end; `answer` decides each message, true at once unless given. It is closed when the test ends. */
export const openEnd = (
  settings: Partial<MqttSettings> & { readonly url: string },
  answer: (delivery: MqttDelivery) => Promise<boolean> = () => Promise.resolve(true),
  more: Partial<MqttListener> = {},
): Heard => {
  const messages: MqttDelivery[] = []
  const large: MqttOversize[] = []
  const states: string[][] = []
  const end = openMqtt(
    'plant',
    { version: '3.1.1', clientId: 'gridtally-test', ...settings },
    {
      message: (delivery) => {
        messages.push(delivery)
        return answer(delivery)
      },
      oversize: (message) => {
        large.push(message)
        return Promise.resolve(true)
      },
      state: ({ connections }) => void states.push(connections.map(({ state }) => state)),
      ...more,
    },
  )
  onTestFinished(() => end.close(0))
  return { end, messages, large, states }
}

/** Until every connection is up and every filter granted. */
export const ready = (end: MqttEnd, timeout = 60_000): Promise<unknown> =>
  until(() => {
    const { connections, subscriptions } = end.state()
    return connections.every(({ state }) => state === 'up') && subscriptions.every(({ granted }) => granted)
  }, timeout)

/** Polls a condition; fails with what it is about. */
export const until = (isSo: () => boolean, timeout = 60_000): Promise<unknown> => vi.waitUntil(isSo, { timeout, interval: 5 })

export const textOf = ({ payload }: { readonly payload: Uint8Array }): string => Buffer.from(payload).toString()

/** A promise to be resolved by the test. */
export const deferred = <T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } => {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

/** A plain client of `mqtt`, for the other side. Ends with the test. */
export const plainClient = (port: number, options: IClientOptions = {}): MqttClient => {
  const client = new MqttClient(() => connect({ host: '127.0.0.1', port }), { clientId: 'other', ...options })
  client.on('error', () => {})
  onTestFinished(() => void client.end(true))
  return client
}
