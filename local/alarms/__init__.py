"""CloudWatch's alarms on one machine: what state an alarm of our template is in, given the metrics that were sent.

alarm = read_alarm(resolve(template["Resources"]["HoldAlarm"]["Properties"], {"AWS::StackName": "lanekeeper"}))
state_of(alarm, samples_of(log_lines), now=datetime.now(UTC))

No local AWS does this: moto never evaluates an alarm, ministack pools all dimensions and knows no missing data.
"""
