#!/usr/bin/env bash
# Sends one urgent and one patient request. The URL is the stack's output RequestQueueUrl:
#   aws cloudformation describe-stacks --stack-name lanekeeper --query 'Stacks[0].Outputs'
# The group only keeps the queue fair between workloads; it promises no order.
set -euo pipefail
queue=${1:?usage: send.sh REQUEST_QUEUE_URL}
endpoint=${AWS_ENDPOINT_URL:+--endpoint-url=$AWS_ENDPOINT_URL} # the AWS CLI 1 does not read the variable

aws sqs send-message $endpoint --queue-url "$queue" --message-group-id live-chat --message-body '{
  "id": "chat-0001", "workload": "live-chat", "priority": "high",
  "params": {"model": "claude-sonnet-4-6", "max_tokens": 500,
             "messages": [{"role": "user", "content": "My parcel has not moved for three days. What can I do?"}]}}'

aws sqs send-message $endpoint --queue-url "$queue" --message-group-id content-pipeline --message-body '{
  "id": "article-0001", "workload": "content-pipeline", "max_latency_minutes": 1440,
  "params": {"model": "claude-sonnet-4-6", "max_tokens": 2000,
             "messages": [{"role": "user", "content": "Write 800 words on leeks that stand until March."}]}}'
