import { rule, threshold } from '../meter/shared.ts'

const EVIDENCE =
  'log likelihood ratio beyond the logarithm of the hypotheses tried: 3 = twenty to one after Bonferroni; true thefts reach hundreds, chance stays below zero'

export const THEFT = rule({
  id: 'theft',
  version: 1,
  title: { zh: '窃电嫌疑', en: 'energy taken past the meter' },
  thresholds: {
    evidence: threshold(
      3,
      '>=',
      'nat',
      [0, 1000],
      { zh: '校正多重检验后的对数似然比', en: 'evidence after correction for the number of suspects, days and forms' },
      EVIDENCE,
    ),
    lead: threshold(
      4,
      '>=',
      'nat',
      [0, 1000],
      { zh: '领先于次可能用户的对数似然比', en: 'evidence before the next likely customer' },
      'posterior odds of 55 to 1 between two suspects; a crew goes to one door',
    ),
    purity: threshold(
      0.3,
      '>=',
      '',
      [0, 1],
      { zh: '该用户能解释的不明电量变化份额', en: 'share of the movement of the unexplained power where he takes it that he accounts for' },
      'a chance correlation explains what correlations of customers with each other explain, R² of 0.1 to 0.2; theft in step with the meter explains nearly all',
    ),
    kwhADay: threshold(
      0.4,
      '>=',
      'kWh/d',
      [0, 1000],
      { zh: '日均未计电量', en: 'energy not recorded a day' },
      'class 1 of a customer of 40 kWh a day: below, meter error explains it',
    ),
    share: threshold(
      0.15,
      '>=',
      '',
      [0, 10],
      { zh: '未计电量与已计电量之比', en: 'energy not recorded over energy recorded, for a loss in step with the meter' },
      'a bridge over a current path passes an eighth of the current and more; less is left over where several causes overlap, and by class errors',
    ),
    days: threshold(
      2,
      '>=',
      'd',
      [1, 30],
      { zh: '自发生日起的完整天数', en: 'whole days since the onset' },
      'one day may be one bad reading; the second must say the same',
    ),
  },
})

export const WRONG_MULTIPLIER = rule({
  id: 'wrong_multiplier',
  version: 1,
  title: { zh: '倍率错误', en: 'wrong multiplier' },
  thresholds: {
    evidence: threshold(
      3,
      '>=',
      'nat',
      [0, 1000],
      { zh: '校正多重检验后的对数似然比', en: 'evidence after correction for the number of hypotheses' },
      EVIDENCE,
    ),
    share: threshold(
      0.04,
      '>=',
      '',
      [0, 10],
      { zh: '倍率偏差', en: 'difference of the ratio seen from the ledger’s' },
      'neighbouring standard ratios differ by 20 % or more; instrument transformers and meter together err by less than 3 % in service',
    ),
    rounding: threshold(
      0.03,
      '<=',
      '',
      [0, 0.5],
      { zh: '与标准倍率的最大差', en: 'distance from the standard ratio that is suggested' },
      'error of a class 0.5 transformer and a class 1 meter at low load together',
    ),
    days: threshold(
      2,
      '>=',
      'd',
      [1, 30],
      { zh: '自发生日起的完整天数', en: 'whole days since it began' },
      'one day may be one bad reading',
    ),
  },
})

export const WRONG_AREA = rule({
  id: 'wrong_area',
  version: 1,
  title: { zh: '户变关系错误', en: 'meter fed by another area' },
  thresholds: {
    evidence: threshold(
      3,
      '>=',
      'nat',
      [0, 1000],
      { zh: '校正多重检验后的对数似然比', en: 'evidence after correction for the number of hypotheses' },
      EVIDENCE,
    ),
    missing: threshold(
      0.15,
      '<=',
      '',
      [0, 0.5],
      { zh: '系数与 −1 的最大差', en: 'distance of the coefficient from −1: all of its energy is missing in this area’s supply' },
      'three standard errors of a small customer within a week, rounded up; over-recording by five times or more is no known fault of a meter',
    ),
    kwhADay: threshold(
      0.4,
      '>=',
      'kWh/d',
      [0, 1000],
      { zh: '日均电量', en: 'energy a day' },
      'below, the balance of an area cannot tell where it hangs',
    ),
    days: threshold(2, '>=', 'd', [1, 30], { zh: '完整天数', en: 'whole days' }, 'one day may be one bad reading'),
  },
})

export const UNMETERED_LOAD = rule({
  id: 'unmetered_load',
  version: 1,
  title: { zh: '无表用电', en: 'load without a meter' },
  thresholds: {
    evidence: threshold(
      3,
      '>=',
      'nat',
      [0, 1000],
      { zh: '校正多重检验后的对数似然比', en: 'evidence after correction for the number of hypotheses' },
      EVIDENCE,
    ),
    purity: threshold(
      0.7,
      '>=',
      '',
      [0, 1],
      { zh: '固定功率能解释的不明电量变化份额', en: 'share of the unexplained power that one steady power accounts for' },
      'lamps and pumps take the same power every night; a household varies by as much as it takes (0.5 or less)',
    ),
    kwhADay: threshold(1, '>=', 'kWh/d', [0, 1000], { zh: '日均电量', en: 'energy a day' }, 'two street lamps of 50 W'),
    days: threshold(
      3,
      '>=',
      'd',
      [1, 30],
      { zh: '自发生日起的完整天数', en: 'whole days since it began' },
      'that it comes every night can be said from the third on',
    ),
  },
})
