/** The usual headings of columns, by what they hold. Earlier ones are taken first. All as `headingOf` compares them. */
import { headings } from '../values/headings.ts';

/** When a value became public. */
export const DECLARED_NAMES = headings(
  'declared declare_date declared_at declared_date ann_date f_ann_date ann_dt actual_ann_dt anndats annodt announcement_date announcement_time announce_date ' +
    'announced_date announced_at pub_date publish_date published_date published_at publication_date publish_time info_publ_date info_date notice_date ' +
    'filed filed_date filing_date filed_at date_filed file_date acceptance_date_time accepted accepted_date accepted_at rdq rdqe report_publish_date ' +
    'reported_date release_date released_at release_time realtime_start vintage vintage_date known_at known_date known_from available_at available_date ' +
    'available_from disclosure_date disclosed_at disclosed_date disclose_date issued issue_time 公告日期 公告日 公告时间 首次公告日期 最新公告日期 ' +
    '实际公告日期 实际公告日 更新公告日期 披露日期 披露日 披露时间 实际披露日期 实际披露时间 发布日期 发布日 发布时间 公布日期 公布日 公布时间 公开日期 信息发布日期 公告发布日期',
);
export const INDICATOR_NAMES = headings(
  'indicator indicator_name series_name variable variable_name metric measure item field indicator_code series_code weo_subject_code subject_descriptor element 指标 指标名称 项目 科目',
);
export const VALUE_NAMES = headings('value val obs_value observation_value amount 数值 值');
export const INFO_NAMES = {
  name: headings(
    'name stock_name company_name company short_name sec_name security_name secu_abbr security_name_abbr country_name 名称 股票名称 股票简称 证券简称 证券名称 简称 公司名称 基金简称 基金名称',
  ),
  listing_date: headings('listing_date list_date ipo_date 上市日期'),
  status: headings('status'),
  category: headings('category'),
  topics: headings('topic topics pool'),
};

/** When a value is of. `time` comes last of those that may be only a clock. */
export const TIME_NAMES = headings(
  'time timestamp datetime date_time ts epoch date report_date trade_date trading_date trade_time stat_date end_date enddate period_end period_end_date ' +
    'fiscal_date_ending fiscal_period_end report_period reporting_period period_of_report data_date datadate fpedats accper statistical_date observation_date obs_date ' +
    'time_period ref_date reference_date price_date bar_time open_time candle_begin_time ddate day_date target_date ' +
    '日期 交易日期 交易日 交易时间 报告期 报告日期 报告日 报告期末 会计期间 截止日期 统计截止日期 统计日期 统计时间 统计期间 时间 净值日期 数据日期 月份 季度 end',
);
export const SUBJECT_NAMES = headings(
  'subject subject_key subject_id symbol sym ticker ts_code stock_code order_book_id wind_code s_info_windcode secu_code security_code sec_code secid stkcd thscode gvkey permno cik ric figi ' +
    'code isin instrument instrument_id security tic country_code iso3 iso_code entity series series_id series_code country region country_region state city ' +
    'geo ref_area area location station station_id sensor sensor_id device device_id meter_id host asset coin pair underlying contract ' +
    '代码 股票代码 证券代码 基金代码 指数代码 债券代码 合约代码 合约 品种 标的',
);
/** Members of an index, before the usual names; and the columns that name the index itself. */
export const MEMBER_NAMES = headings(
  'con_code constituent constituent_code component component_code member member_code 成分券代码 成份券代码 成分股代码 成份股代码 成分代码 品种代码',
);
export const INDEX_NAMES = headings(
  'index_code index_name index index_symbol index_ticker 指数代码 指数名称 指数',
);
/** Names that tell rows apart only where nothing better does. */
export const WEAK_SUBJECT_NAMES = headings('name company id key');
export const COUNTERS = headings('id rowid row_id index market_code unnamed:_0 序号');
export const CODE = /^(\d{1,3}:\S+|\d{4,}(\.[A-Za-z]{1,4})?|[A-Z0-9]{1,6}\.[A-Z]{1,4}|(sh|sz|bj)\.?\d{6})$/i;
/** Columns in front of the dimensions of SDMX-CSV. */
export const SDMX_HEADS = headings('dataflow structure structure_id structure_name action last_update');
/** Headings under which `3M` and `6M` are months, not millions. */
export const SPANS = /tenor|matur|term|period|freq|interval|duration|horizon|window|span|frame|期限/;
/** Headings that say that numbers are times. */
export const DATES = /date|time|unix|epoch|(?<!holi)day$|dt$|日期|时间|日$|月份$/;
