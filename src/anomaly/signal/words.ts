import type { Words } from '../finding.ts'
import type { GroupFault } from './groups.ts'
import type { MeterCause, MeterFault } from './meters.ts'
import type { Outage } from './outage.ts'

const pct = (value: number): string => (Math.floor(value * 10) / 10).toFixed(1)
const share = (part: number, whole: number): string => (whole > 0 ? pct((100 * part) / whole) : '-')
const figure = (value: number | string | null | undefined): string => (typeof value === 'number' ? value.toFixed(1) : '-')

export const whyGroup = ({ cause, group, counts, numbers, run }: GroupFault): Words => {
  const hours = run.to - run.from
  const meters = group.links.length
  if (cause === 'no_signal') {
    const rsrp = `${figure(numbers.rsrpDbm)} dBm`
    const before = `${figure(numbers.rsrpBeforeDbm)} dBm`
    return {
      zh: `${hours} 小时内心跳丢失 ${counts.lost}/${counts.polls}，模块信号 ${rsrp}（此前 ${before}），其下 ${meters} 块电能表同时召测失败：上行通道中断，数据事后可补召。`,
      en: `${counts.lost} of ${counts.polls} heartbeats lost in ${hours} h, modem at ${rsrp} (before: ${before}), and all of its ${meters} meters stopped with them: the channel to the head-end is down. Curves can be read later.`,
    }
  }
  if (cause === 'downlink')
    return {
      zh: `集中器心跳正常，但 ${numbers.metersSilent}/${meters} 块电能表 ${hours} 小时内全部超时，无校验错误：下行模块或其供电相故障。`,
      en: `Heartbeat fine, yet ${numbers.metersSilent} of ${meters} meters timed out for ${hours} h without one damaged byte: the downlink module or the phase that feeds it.`,
    }
  if (cause === 'open')
    return {
      zh: `该总线 ${numbers.metersSilent}/${meters} 块电能表 ${hours} 小时内同时超时，无任何字节，其他总线正常：总线开路或短路。`,
      en: `${numbers.metersSilent} of ${meters} meters of this bus timed out together for ${hours} h without one byte while other buses went on: bus open or shorted.`,
    }
  const failed = pct(Number(numbers.failedAttemptsPct ?? 0))
  if (cause === 'collision')
    return {
      zh: `总线上 ${failed} % 的尝试失败，响应时间高于均值加三倍标准差，并收到他表应答：应答互相碰撞。`,
      en: `${failed} % of all attempts on this bus fail, response times are beyond mean + 3 sigma and answers of others come in: answers collide.`,
    }
  return {
    zh: `总线上 ${failed} % 的尝试失败，${numbers.metersWithCrcErrors}/${meters} 块电能表有校验错误：干扰、终端电阻缺失、A/B 接反或接地不良。`,
    en: `${failed} % of all attempts on this bus fail and ${numbers.metersWithCrcErrors} of ${meters} meters have checksum errors: noise, missing termination, a swapped pair or bad ground.`,
  }
}

const GROUP_ACTION: Readonly<Record<GroupFault['cause'], Words>> = {
  no_signal: {
    zh: '检查集中器的天线、SIM 卡、模块和供电；恢复后补召曲线。',
    en: 'Look at antenna, SIM card, modem and supply of the concentrator; read the curves again when it is back.',
  },
  downlink: {
    zh: '到集中器现场：检查下行通信模块及三相供电，必要时更换模块。',
    en: 'Go to the concentrator: check its downlink module and the supply of all three phases; change the module if need be.',
  },
  open: {
    zh: '从采集器侧起沿总线检查接线，测量 A/B 间电压与电阻，分段断开查找开路或短路点。',
    en: 'Follow the bus from the head: measure voltage and resistance between A and B, and part it in halves until the break or short is found.',
  },
  noise: {
    zh: '检查终端电阻、偏置、屏蔽接地与极性，逐段断开查找干扰源。',
    en: 'Check termination, bias, screen and polarity; take sections off until the noise goes.',
  },
  collision: { zh: '检查总线上是否有第二个主站或重复地址。', en: 'Look for a second master on the bus, or for doubled addresses.' },
}
export const actionGroup = ({ cause }: GroupFault): Words => GROUP_ACTION[cause]

type Tell = (fault: MeterFault) => Words
const lostText = ({ counts }: MeterFault) => `${counts.lost}/${counts.polls} (${share(counts.lost, counts.polls)} %)`

const METER_WHY: Readonly<Record<MeterCause, Tell>> = {
  dead: ({ counts, run }) => ({
    zh: `${counts.hours} 小时内 ${counts.polls} 次召测全部超时，无任何字节，同总线其他电能表正常：电能表掉电或损坏${run.from === 0 ? '，或档案地址有误' : ''}。`,
    en: `All ${counts.polls} polls of ${counts.hours} h timed out without one byte while others of its bus answered: the meter is dead or without power${run.from === 0 ? ', or its address in the ledger is wrong' : ''}.`,
  }),
  wrong_address: ({ counts }) => ({
    zh: `${counts.polls} 次召测均收到其他地址的应答：档案中的通信地址有误。`,
    en: `All ${counts.polls} polls were answered with another address: the address in the ledger is wrong.`,
  }),
  baud: ({ counts }) => ({
    zh: `${counts.polls} 次召测全部失败，但每次都有字节返回（${counts.crc} 次校验/帧错误）：波特率或校验位设置有误。`,
    en: `All ${counts.polls} polls failed although bytes came each time (${counts.crc} checksum or framing errors): wrong baud rate or parity.`,
  }),
  address_conflict: (fault) => ({
    zh: `丢失 ${lostText(fault)}，校验错误 ${fault.counts.crc} 次，收到他表地址应答 ${fault.counts.strays} 次${fault.other ? `；与 ${fault.other.id} 同时发生` : ''}：两表地址冲突。`,
    en: `${lostText(fault)} lost, ${fault.counts.crc} checksum errors, ${fault.counts.strays} answers with another address${fault.other ? `, and the same at ${fault.other.id}` : ''}: two meters answer to one address.`,
  }),
  evening_noise: (fault) => ({
    zh: `丢失 ${lostText(fault)}，几乎都在 18–23 时，信噪比下降 ${figure(fault.numbers.signalDropDb)} dB（全时段平均）：晚间干扰，用电设备所致。`,
    en: `${lostText(fault)} lost, nearly all between 18 and 23 h (signal down ${figure(fault.numbers.signalDropDb)} dB over the whole stretch): an appliance that is on in the evening.`,
  }),
  weak_signal: (fault) => ({
    zh: `丢失 ${lostText(fault)}，信号较原水平下降 ${figure(fault.numbers.signalDropDb)} dB，同类通道中位数未变：信号弱。`,
    en: `${lostText(fault)} lost while its signal is ${figure(fault.numbers.signalDropDb)} dB below its own level and that of its kind unchanged: weak signal.`,
  }),
  noise: (fault) => ({
    zh: `丢失 ${lostText(fault)}，其中校验错误 ${fault.counts.crc} 次，仅此一表：支线干扰或接触不良。`,
    en: `${lostText(fault)} lost, ${fault.counts.crc} checksum errors, this meter alone: noise or a bad contact on its stub.`,
  }),
  intermittent: (fault) => ({
    zh: `丢失 ${lostText(fault)}，均为超时，时断时续：接线松动或模块不稳。`,
    en: `${lostText(fault)} lost by timeouts that come and go: a loose wire or an unsteady module.`,
  }),
}
export const whyMeter: Tell = (fault) => METER_WHY[fault.cause](fault)

const METER_ACTION: Readonly<Record<MeterCause, Words>> = {
  dead: {
    zh: '现场检查电能表是否有电、通信模块与接线；核对通信地址。',
    en: 'See whether the meter has power, check its module and wiring, and compare its address with the ledger.',
  },
  wrong_address: { zh: '核对表计铭牌与档案地址并更正。', en: 'Compare the address on the plate with the ledger and put it right.' },
  baud: { zh: '核对波特率、校验位和规约设置。', en: 'Compare baud rate, parity and protocol with the meter.' },
  address_conflict: { zh: '核对两块电能表的通信地址，改正其中一块。', en: 'Read the addresses off both meters and change one of them.' },
  evening_noise: { zh: '晚间在现场测量，查找干扰电器，加装滤波器。', en: 'Measure in the evening, find the appliance and fit a filter.' },
  weak_signal: {
    zh: '检查天线/耦合与中继路径，必要时增加中继。',
    en: 'Check antenna or coupling and the relay path; add a repeater if need be.',
  },
  noise: { zh: '检查该表支线、极性与接地。', en: 'Check stub, polarity and ground at this meter.' },
  intermittent: { zh: '检查接线端子与模块插接。', en: 'Check terminals and how the module sits.' },
}
export const actionMeter = ({ cause }: MeterFault): Words => METER_ACTION[cause]

export const whyOutage = ({ links, witnesses, plannedTo, run }: Outage): Words =>
  plannedTo === null
    ? {
        zh: `${links.length} 块电能表同时静默 ${run.to - run.from} 小时，其中 ${witnesses.length} 块上报了停电事件。`,
        en: `${links.length} meters fell silent together for ${run.to - run.from} h and ${witnesses.length} of them reported that power went off.`,
      }
    : {
        zh: `计划停电结束后，${links.length} 块电能表仍无应答：可能尚未恢复供电。`,
        en: `${links.length} meters are not heard again after the end of a planned outage: supply may not be back.`,
      }

export const actionOutage = ({ plannedTo }: Outage): Words =>
  plannedTo === null
    ? {
        zh: '与停电计划核对；未登记的按故障停电处理，恢复后召测确认。',
        en: 'Compare with the calendar; treat it as a fault if nothing is planned, and read all meters when power is back.',
      }
    : { zh: '逐户确认供电是否恢复。', en: 'Make sure that supply is back, customer by customer.' }
