import type { PageLanguage } from './page.ts'

/** Codes as a clerk says them, for pages in Chinese; in English the codes are words. */
const ZH: Readonly<Record<string, string>> = {
  // beside an energy
  split: '按规则分摊',
  estimated: '估算',
  exchange: '换表',
  rollover: '示数翻转',
  'ratio-change': '倍率变更',
  'power-off': '停电',
  'read-quarantined': '有示数已隔离',
  'no-meter': '未装表',
  missing: '没有示数',
  'register-reset': '示数回落且未登记换表',
  'increment-quarantined': '示数突增，已隔离',
  'exchange-register-missing': '换表起止示数缺失',
  'no-ratio': '倍率未知',
  'customer-changed': '期间用户变更',
  'outside-of-scope': '部分计量点超出查看范围',
  'correction-waits': '已发布值待更正',
  // why a figure is held
  'no-read': '无示数',
  incomplete: '示数不全',
  quarantined: '示数已隔离',
  'clock-doubtful': '电能表时钟可疑',
  conflict: '示数相互矛盾',
  'exchange-unacknowledged': '换表通知未确认',
  'held-by-person': '人工暂缓',
  'not-billed': '此刻不计费',
  // where a register comes from
  'day-freeze': '日冻结',
  'month-freeze': '月冻结',
  curve: '负荷曲线',
  live: '实时召测',
  push: '主动上报',
  manual: '人工录入',
  // key accounts
  use: '用电量',
  category: '用户类别',
  named: '台账指定',
  computed: '已核算',
  'at-least': '已知部分已达标',
  'not-computable': '无法核算',
  // why there are no tiers
  TARIFF_TABLE: '没有适用的阶梯标准',
  TARIFF_ROLE: '该计量点不是用户用电计量点',
  TARIFF_VERSION: '阶梯标准未覆盖该期间',
  TARIFF_TIME: '该年度没有可计的日期',
  TARIFF_SCOPE: '部分计量点超出查看范围',
  TARIFF_SIGN: '有扣减计量点，不能直接分档',
}

/** A code in words of a language. */
export const codeWord = (code: string, language: PageLanguage): string => (language === 'zh' ? (ZH[code] ?? code) : code)

/** Several codes, one after the other. */
export const codeWords = (codes: readonly string[], language: PageLanguage): string =>
  codes.map((code) => codeWord(code, language)).join(language === 'zh' ? '、' : ', ')
