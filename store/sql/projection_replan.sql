-- projection_replan: no parameters. Plans are made anew at their next use.
DISCARD PLANS
