"""The 14 joints of Leeds Sports Pose: their names and order, the limbs between them, and what a mirror makes of them.

Johnson and Everingham, "Clustered Pose and Nonlinear Appearance Models for Human Pose Estimation", BMVC 2010,
doi:10.5244/C.24.12. Left and right are the person's own: the left hand of someone who faces the camera is on the right
of the picture.
"""

JOINT_NAMES = (
    "right ankle",
    "right knee",
    "right hip",
    "left hip",
    "left knee",
    "left ankle",
    "right wrist",
    "right elbow",
    "right shoulder",
    "left shoulder",
    "left elbow",
    "left wrist",
    "neck",
    "head top",
)
NUM_JOINTS = len(JOINT_NAMES)

# The ten parts that PCP counts, each from its joint nearer to the trunk to the farther one.
LIMBS = {
    "trunk": (12, (2, 3)),
    "head": (12, 13),
    "right upper leg": (2, 1),
    "right lower leg": (1, 0),
    "left upper leg": (3, 4),
    "left lower leg": (4, 5),
    "right upper arm": (8, 7),
    "right lower arm": (7, 6),
    "left upper arm": (9, 10),
    "left lower arm": (10, 11),
}
"""Name -> indices of the two ends. The lower end of the trunk is the middle between both hips."""

BONES = ((0, 1), (1, 2), (5, 4), (4, 3), (6, 7), (7, 8), (11, 10), (10, 9), (2, 3), (8, 9), (2, 8), (3, 9), (12, 13))
"""Pairs of joints to draw a line between."""

FLIP_ORDER = (5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13)
"""Row i of a mirrored person is row `FLIP_ORDER[i]` of the person: in a mirror, a left hand is a right one."""

TORSO = (2, 9)
"""Right hip and left shoulder. Their distance is the size of a person that PCK measures errors with."""


def side_of(joint: int) -> str:
    """`"left"`, `"right"` or `"middle"`, the person's own.

    Args:
        joint: Index of a joint, 0..13.
    """
    first_word = JOINT_NAMES[joint].split()[0]
    return first_word if first_word in ("left", "right") else "middle"


def side_of_bone(bone: tuple[int, int]) -> str:
    """The side that both ends of a bone are on, or `"middle"`.

    Args:
        bone: Indices of two joints, such as one of `BONES`.
    """
    first, second = (side_of(joint) for joint in bone)
    return first if first == second else "middle"
