"""AWS Lambda Power Tuning's own rules and its visualization URL, to the last bit.

rules, javascript    averages, prices, ranking and output; what of JavaScript they depend on
answer               the output of any tuner's execution, read
visualization        the URL of its graph, written and read
"""
