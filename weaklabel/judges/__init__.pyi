from .both_orders import position_bias as position_bias
from .columns import judge_column as judge_column
from .columns import judge_columns as judge_columns
from .crowd import crowd_match as crowd_match
from .crowd import crowd_workers as crowd_workers
from .prompted import judge as judge
