import type { Instrument } from '../instrument.ts'
import { acrel, dtuFrame, pusrJson, pusrRtu } from './dtu.ts'
import { type Device, type Family, type FamilyId, serialOf } from './family.ts'
import { alibaba, cet, kepserver, neuron, neuronTags, thingsboard } from './gateways.ts'
import { iammeter, iammeter3, shelly3emPro, shellyGen1, shellyGen2, tasmota, zigbee2mqtt, zwaveJs } from './home.ts'
import { chirpstack, siteJson, ttn } from './lorawan.ts'
import { sparkplug } from './sparkplug.ts'

/** Every family, in the order in which a village takes them. */
export const FAMILIES: Readonly<Record<FamilyId, Family>> = {
  tasmota,
  zigbee2mqtt,
  'shelly-gen2': shellyGen2,
  'shelly-3em-pro': shelly3emPro,
  sparkplug,
  acrel,
  'pusr-rtu': pusrRtu,
  thingsboard,
  'dtu-frame': dtuFrame,
  chirpstack,
  'zwave-js': zwaveJs,
  kepserver,
  cet,
  neuron,
  'pusr-json': pusrJson,
  alibaba,
  ttn,
  'neuron-tags': neuronTags,
  'site-json': siteJson,
  iammeter,
  'iammeter-3': iammeter3,
  'shelly-gen1': shellyGen1,
}

export type { FamilyId } from './family.ts'

const isFamily = (text: string): text is FamilyId => Object.hasOwn(FAMILIES, text)
export const FAMILY_IDS: readonly FamilyId[] = Object.keys(FAMILIES).filter(isFamily)

/** The family of a name; null when there is none. */
export const familyOf = (name: string): Family | null => (isFamily(name) ? FAMILIES[name] : null)

/** Address of a meter at its broker: what the family's mapping takes for the meter's id. */
export const pushAddressOf = (family: FamilyId, meter: string): string => FAMILIES[family].address(meter, serialOf(meter))

/** Topic of a meter's readings. */
export const pushTopicOf = (family: FamilyId, meter: string): string => FAMILIES[family].topic(pushAddressOf(family, meter))

/** A meter that pushes, ready to be published. */
export const deviceOf = (family: FamilyId, instrument: Instrument): Device => ({
  meter: instrument.id,
  serial: serialOf(instrument.id),
  address: pushAddressOf(family, instrument.id),
  instrument,
})

/**
 * Families by turn for the meters of a village: only those that tell all its area needs, and in their order.
 *
 * @param among  only these; absent = every one that counts all phases together
 */
export const familyTurns = (among: readonly FamilyId[] = FAMILY_IDS.filter((id) => FAMILIES[id].totals)) => {
  const turns = new Map<string, number>()
  return (phases: 1 | 3, exports: boolean): FamilyId => {
    const fit = among.filter((id) => FAMILIES[id].phases.includes(phases) && (!exports || FAMILIES[id].exports))
    const key = `${phases} ${exports}`
    const turn = turns.get(key) ?? 0
    turns.set(key, turn + 1)
    return fit[turn % fit.length] ?? 'acrel'
  }
}
