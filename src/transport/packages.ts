import { createRequire } from 'node:module'
import type * as Mqtt from 'mqtt'
import type * as Serial from 'serialport'

const require = createRequire(import.meta.url)

/** `mqtt`, loaded by the first broker: a gateway without one would hold 3 MB for it. */
export const mqttPackage = (): typeof Mqtt => require('mqtt')

/** `serialport`, loaded by the first serial line. */
export const serialPackage = (): typeof Serial => require('serialport')
