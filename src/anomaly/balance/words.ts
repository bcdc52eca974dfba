import type { Words } from '../finding.ts'
import { say } from '../meter/shared.ts'
import type { Energy } from './suspects.ts'

interface Told {
  readonly cause: string
  readonly id: string
  readonly day: string
  readonly days: number
  readonly energy: Energy
  readonly share: number
  readonly loss: Course
  readonly use: Course
  readonly rival: string | null
  readonly daily: boolean
}

const KINDS: Readonly<Record<string, Words>> = {
  partial: { zh: '表计只记录部分电量（分流或绕表）', en: 'the meter counts only a part (shunt or tap)' },
  shunt: {
    zh: '火线被短接分流，零线电流大于火线电流',
    en: 'the live side is bridged: more current returns by the neutral than passes the meter',
  },
  night_bypass: { zh: '每日固定时段表计不走而仍在用电', en: 'in the same hours every day the meter stands still while power is taken' },
  full_bypass: { zh: '表计完全不走而仍在用电', en: 'the meter stands still all day while power is taken' },
  appliance: { zh: '有电器接在表前', en: 'an appliance is wired past the meter' },
  bypass: { zh: '有电流绕过表计', en: 'current flows past the meter' },
}

const CHECKS: Readonly<Record<string, Words>> = {
  partial: {
    zh: '核对表前表后电流（钳形表），检查端子和封印',
    en: 'compare the current before and behind the meter by clamp, look at terminals and seals',
  },
  shunt: {
    zh: '同时钳测火线、零线电流，检查火线端子短接',
    en: 'clamp live and neutral at once, look for a bridge over the live terminals',
  },
  night_bypass: {
    zh: '在表计不走的时段到场，钳测表前进线电流',
    en: 'come in the hours in which the meter stands still and clamp the line before it',
  },
  full_bypass: { zh: '到场钳测进线电流，检查绕表接线', en: 'clamp the line before the meter and follow the wires round it' },
  appliance: {
    zh: '检查表前有无接出线路，逐一断开大功率电器比对',
    en: 'look for a branch before the meter; switch off large appliances one by one and compare',
  },
  bypass: { zh: '钳测表前进线电流并与表计比对', en: 'clamp the line before the meter and compare with the meter' },
}

interface Course {
  readonly before: number | null
  readonly after: number | null
}

const UNKNOWN: Words = { zh: '不详', en: 'unknown' }

/** Two figures of a day's energy; a theft as old as the data has no time before. */
const courseOf = ({ before, after }: Course): Words => {
  const [was, is] = [before, after].map((value) => (value === null ? UNKNOWN : { zh: say(value), en: say(value) }))
  if (!was || !is) return UNKNOWN
  return before === null
    ? { zh: `${is.zh}（此前无数据）`, en: `${is.en} (nothing is known of the time before)` }
    : { zh: `由 ${was.zh} 变为 ${is.zh}`, en: `${was.en} before and ${is.en} since` }
}

/** What is said of a theft, to the crew and to who checks it. */
export const theftWords = (told: Told): { readonly why: Words; readonly action: Words; readonly ruledOut: readonly Words[] } => {
  const { cause, id, day, days, energy, share, loss, use, rival, daily } = told
  const kind = KINDS[cause] ?? KINDS.bypass!
  const [lacked, showed] = [courseOf(loss), courseOf(use)]
  const check = CHECKS[cause] ?? CHECKS.bypass!
  const ofUse =
    cause === 'partial' || cause === 'shunt'
      ? { zh: `，为表计电量的 ${say(share * 100, 0)} %`, en: `, ${say(share * 100, 0)} % of what the meter counts` }
      : { zh: '', en: '' }
  const low = daily ? { zh: '（只有日冻结示数，置信度低）', en: ' (daily registers only: low confidence)' } : { zh: '', en: '' }
  return {
    why: {
      zh: `自 ${day} 起 ${days} 天，${kind.zh}：未计电量约 ${say(energy.value, 0)} kWh（${say(energy.low, 0)}～${say(energy.high, 0)}），每天 ${say(energy.aDay)} kWh${ofUse.zh}。台区扣除技术线损后每天不明电量（kWh）${lacked.zh}，该户表计每天电量（kWh）${showed.zh}，不明电量逐时随该户变化${low.zh}。`,
      en: `For ${days} days since ${day} ${kind.en}: about ${say(energy.value, 0)} kWh not recorded (${say(energy.low, 0)} to ${say(energy.high, 0)}), ${say(energy.aDay)} kWh a day${ofUse.en}. Kilowatt hours a day the area lacked beyond the wires' loss: ${lacked.en}; this meter's own: ${showed.en}; hour by hour what is missing follows this customer${low.en}.`,
    },
    action: {
      zh: `到 ${id} 现场：${check.zh}；拍照并记录封印号。${rival ? `如无异常，再查 ${rival}。` : ''}`,
      en: `Go to ${id}: ${check.en}; photograph, note the seals.${rival ? ` If all is well there, look at ${rival} next.` : ''}`,
    },
    ruledOut: [
      { zh: '时钟：时钟偏差的表计已按真实时间对齐', en: 'Clock: meters with a shifted clock were put back to true time' },
      {
        zh: '通信缺数：缺失时段按估计的不确定度降权，不计为损失',
        en: 'Communication: hours not read count as little as their estimate is good, never as loss',
      },
      {
        zh: '空置、外出：用电下降而台区不明电量不随之上升者不指向窃电',
        en: 'Vacation or vacant flat: a fall of use without a rise of what the area lacks points to nobody',
      },
      { zh: '换表、缺相、光伏：已由各自规则判断', en: 'Exchange, lost phase, solar: judged by rules of their own before' },
      {
        zh: '倍率、户变关系错误和公共用电已同时拟合',
        en: 'Wrong multipliers, meters of other areas and public lighting were fitted at the same time',
      },
    ],
  }
}
