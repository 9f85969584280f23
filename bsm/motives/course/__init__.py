"""Shares of influence over time: prior, selection, gates and drift through the phases of a model (design 3).

`course(model)` is where to begin; `Course.shares(at)` is the share of influence at a moment.
"""

from bsm.motives.course.course import Course, course
from bsm.motives.course.moments import NOW, START, At, Moment, continued, moment
from bsm.motives.course.stages import Stage, Timeline, stages

__all__ = ["NOW", "START", "At", "Course", "Moment", "Stage", "Timeline", "continued", "course", "moment", "stages"]
