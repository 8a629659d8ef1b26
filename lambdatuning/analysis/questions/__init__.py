"""One module a question: its numbers, its words and its figure.

curves, payload_types     what memory buys; the best size of each payload type, and one for all
pareto, decision_map      speed against cost; which size wins as cost counts for more
bill, controls            what each choice costs a month; the same with sliders
deadline                  which sizes keep a deadline
cold_starts, cold_share   what cold starts take and cost; from which share on they decide
adaptive, adaptive_figure how an adaptive run reached its answer; its figure, which loads matplotlib
checks, method, pillars   what may mislead; how it was measured; what that shows of Well-Architected
"""
