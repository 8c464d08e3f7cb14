/** The usual Chinese headings of market and company data, and the indicators that they are. */

const WORDS = `
营业收入 operating_income|营收 operating_income|营业总收入 total_operating_income|主营业务收入 main_operating_income
净利润 net_profit|归母净利润 parent_holder_net_profit|归属于母公司所有者的净利润 parent_holder_net_profit
归属母公司净利润 parent_holder_net_profit|归属于母公司股东的净利润 parent_holder_net_profit
归属于上市公司股东的净利润 parent_holder_net_profit|归属净利润 parent_holder_net_profit
扣非净利润 deducted_net_profit|扣除非经常性损益后的净利润 deducted_net_profit|扣非归母净利润 deducted_parent_holder_net_profit
少数股东损益 minority_interest_income|营业成本 operating_cost|营业总成本 total_operating_cost|营业利润 operating_profit
利润总额 total_profit|毛利 gross_profit|毛利润 gross_profit|毛利率 gross_margin|销售毛利率 gross_margin
净利率 net_margin|销售净利率 net_margin|营业税金及附加 operating_tax|税金及附加 operating_tax|所得税费用 income_tax
销售费用 selling_expense|管理费用 administrative_expense|财务费用 financial_expense|研发费用 rd_expense
投资收益 investment_income|资产减值损失 asset_impairment_loss|营业外收入 non_operating_income|营业外支出 non_operating_expense
基本每股收益 basic_eps|稀释每股收益 diluted_eps|每股收益 eps|每股净资产 bps|每股经营现金流 cash_flow_per_share
每股经营现金流量 cash_flow_per_share|每股资本公积 capital_reserve_per_share|每股未分配利润 undistributed_profit_per_share
净资产收益率 roe|加权净资产收益率 weighted_roe|总资产收益率 roa|总资产报酬率 roa|资产负债率 debt_to_assets
流动比率 current_ratio|速动比率 quick_ratio|存货周转率 inventory_turnover|总资产周转率 asset_turnover
资产总计 total_assets|总资产 total_assets|负债合计 total_liabilities|总负债 total_liabilities|股东权益合计 total_equity
所有者权益合计 total_equity|净资产 net_assets|流动资产合计 current_assets|流动负债合计 current_liabilities
货币资金 cash|应收账款 accounts_receivable|应付账款 accounts_payable|存货 inventory|固定资产 fixed_assets
无形资产 intangible_assets|商誉 goodwill|在建工程 construction_in_progress|预收款项 advance_receipts|合同负债 contract_liabilities
短期借款 short_term_loans|长期借款 long_term_loans|未分配利润 undistributed_profit|资本公积 capital_reserve|盈余公积 surplus_reserve
经营活动产生的现金流量净额 operating_cash_flow|经营现金流 operating_cash_flow|投资活动产生的现金流量净额 investing_cash_flow
筹资活动产生的现金流量净额 financing_cash_flow|现金及现金等价物净增加额 net_cash_increase
营业收入同比增长 operating_income_yoy|营业收入同比增长率 operating_income_yoy|净利润同比增长 net_profit_yoy
净利润同比增长率 net_profit_yoy|同比增长 yoy|同比 yoy|环比增长 qoq|环比 qoq
开盘 open|开盘价 open|收盘 close|收盘价 close|最高 high|最高价 high|最低 low|最低价 low|昨收 pre_close|昨收价 pre_close|前收盘 pre_close
前收盘价 pre_close|今开 open|最新价 last_price|现价 last_price|均价 average_price|成交均价 average_price|结算价 settlement_price
昨结算 pre_settlement_price|持仓量 open_interest|成交量 volume|成交额 turnover|成交金额 turnover|成交笔数 trades|换手率 turnover_rate
涨跌幅 change_percent|涨跌额 change|涨跌 change|涨幅 change_percent|振幅 amplitude|量比 volume_ratio|涨停价 limit_up|跌停价 limit_down
复权因子 adjustment_factor|后复权因子 backward_adjustment_factor|前复权因子 forward_adjustment_factor
市盈率 pe|动态市盈率 dynamic_pe|静态市盈率 static_pe|滚动市盈率 pe_ttm|市净率 pb|市销率 ps|市现率 pcf|股息率 dividend_yield
总市值 total_market_value|流通市值 float_market_value|总股本 total_shares|流通股本 float_shares|流通股 float_shares
股东人数 holders|股东户数 holders|每股股利 dividend_per_share|每股派息 dividend_per_share|分红 dividend
单位净值 unit_nav|累计净值 accumulated_nav|日增长率 daily_growth|净值 nav|份额 fund_shares|权重 weight
数值 value|值 value|价格 price|金额 amount|数量 quantity|汇率 exchange_rate|利率 interest_rate|国内生产总值 gdp
居民消费价格指数 cpi|采购经理指数 pmi|工业品出厂价格指数 ppi`;

const DICTIONARY = new Map(
  WORDS.trim()
    .split(/[|\n]/)
    .map((pair) => pair.split(' ') as [string, string]),
);

/** The usual name; undefined for headings that are not in the dictionary. */
export function chineseName(heading: string): string | undefined {
  return DICTIONARY.get(heading);
}
