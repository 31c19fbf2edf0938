"""Stand-ins for AWS clients, for runs of hundreds of thousands of messages, which moto would take hours for.

One module per service, only the calls that we make, anything else is an AttributeError. test_contract.py holds them
equal to moto, call by call.
"""
