"""placeholder until the simulator room is written"""
class SimulatorChannel:
    def __init__(self, redis): pass
