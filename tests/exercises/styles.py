"""Right answers as they are written in loops over lists, in TensorFlow, and in `keras.ops`; none of them casts.

Those of the solutions are NumPy. TensorFlow is imported where it is needed.
"""

import math
import statistics

# --- Loops over lists -------------------------------------------------------------------------------------------------


def convert_in_loops(box, height, width):
    corners = []
    for axis, side in enumerate((width, height)):
        corners.append((box[axis] / side, (box[axis] + box[axis + 2]) / side))
    return [corner[end] for end in (0, 1) for corner in corners]


def iou_in_loops(box, others):
    found = []
    for other in others:
        wide = max(0, min(box[2], other[2]) - max(box[0], other[0]))
        high = max(0, min(box[3], other[3]) - max(box[1], other[1]))
        areas = [(xmax - xmin) * (ymax - ymin) for xmin, ymin, xmax, ymax in (box, other)]
        found.append(wide * high / (areas[0] + areas[1] - wide * high))
    return found


def clsloc_in_loops(true_label, predicted_label, iou):
    right = 0
    for true, predicted, overlap in zip(true_label, predicted_label, iou, strict=True):
        if true == predicted and overlap >= 0.5:
            right += 1
    return right / len(iou)


def majority_in_loops(train_labels, test_labels):
    counts = {label: list(train_labels).count(label) for label in train_labels}
    majority = max(counts, key=counts.get)
    return len([label for label in test_labels if label == majority]) / len(test_labels)


def majority_of_lists(train_labels, test_labels):
    majority = max(set(train_labels), key=train_labels.count)
    return test_labels.count(majority) / len(test_labels)


def filter_in_loops(example):
    kept = 0
    for is_difficult in example["objects"]["is_difficult"]:
        if is_difficult:
            return False
        kept += 1
    return kept == 1


def bias_in_loops(all_labels, single_labels, num_classes):
    best, winner = -2, 0
    for number in range(num_classes):
        before = sum(label == number for label in all_labels) / len(all_labels)
        after = sum(label == number for label in single_labels) / len(single_labels)
        if after - before > best:
            best, winner = after - before, number
    return winner


def flip_in_loops(image, boxes):
    rows = [[row[-1 - column] for column in range(len(row))] for row in image]
    return rows, [[1 - xmax, ymin, 1 - xmin, ymax] for xmin, ymin, xmax, ymax in boxes]


def flip_in_place(image, boxes):
    image[:] = image[:, ::-1].copy()
    boxes[:, [0, 2]] = 1 - boxes[:, [2, 0]]
    return image, boxes


def crop_in_loops(boxes, window):
    cropped = []
    for box in boxes:
        moved = []
        for index, side in enumerate(box):
            axis = index % 2
            relative = (side - window[axis]) / (window[axis + 2] - window[axis])
            moved.append(min(max(relative, 0), 1))
        cropped.append(moved)
    return cropped


def crop_in_place(boxes, window):
    boxes -= window[[0, 1, 0, 1]]
    boxes /= (window[2:] - window[:2])[[0, 1, 0, 1]]
    boxes[boxes < 0] = 0
    boxes[boxes > 1] = 1
    return boxes


def soft_argmax_in_loops(heatmap):
    height, width = len(heatmap), len(heatmap[0])
    largest = max(max(row) for row in heatmap)
    total = x = y = 0
    for row in range(height):
        for column in range(width):
            share = math.exp(heatmap[row][column] - largest)
            total += share
            x += share * column / (width - 1)
            y += share * row / (height - 1)
    return x / total, y / total


def units_in_loops(weight, box_loss, image_size):
    if box_loss == "l2":
        return weight * image_size * image_size
    if box_loss == "l1":
        return weight * image_size
    return weight


def front_in_loops(accuracy, mean_iou):
    points = list(zip(accuracy, mean_iou, strict=True))
    front = set()
    for index, (a, b) in enumerate(points):
        if not any(c >= a and d >= b and (c > a or d > b) for c, d in points):
            front.add(index)
    return front


def choose_in_loops(rows):
    sums, counts = {}, {}
    for row in rows:
        sums[row["setting"]] = sums.get(row["setting"], 0) + row["clsloc"]
        counts[row["setting"]] = counts.get(row["setting"], 0) + 1
    return sorted(sums, key=lambda name: sums[name] / counts[name])[-1]


def difference_in_loops(first, second):
    each = []
    for image in range(len(first[0])):
        each.append(statistics.mean(float(a[image] - b[image]) for a, b in zip(first, second, strict=True)))
    return statistics.mean(each), 1.96 * statistics.stdev(each) / math.sqrt(len(each))


def difference_in_place(first, second):
    first -= second
    each = first.mean(axis=0)
    return each.mean(), 1.96 * each.std(ddof=1) / len(each) ** 0.5


def learned_in_loops(box_loss):
    best, winner = math.inf, 0
    for step in range(-3200, 1600):
        value = math.exp(-step / 1000) * box_loss / 2 + step / 2000
        if value < best:
            best, winner = value, step / 1000
    return winner


# --- TensorFlow -------------------------------------------------------------------------------------------------------


def convert_in_tensorflow(box, height, width):
    import tensorflow as tf

    left, top, box_width, box_height = tf.unstack(box)
    return tf.stack([left / width, top / height, (left + box_width) / width, (top + box_height) / height])


def iou_in_tensorflow(box, others):
    import tensorflow as tf

    sides = tf.nn.relu(tf.minimum(box[2:], others[:, 2:]) - tf.maximum(box[:2], others[:, :2]))
    shared = tf.reduce_prod(sides, axis=1)
    areas = tf.reduce_prod(others[:, 2:] - others[:, :2], axis=1) + tf.reduce_prod(box[2:] - box[:2])
    return shared / (areas - shared)


def clsloc_in_tensorflow(true_label, predicted_label, iou):
    import tensorflow as tf

    both = tf.logical_and(tf.equal(true_label, predicted_label), tf.greater_equal(iou, 0.5))
    return tf.reduce_mean(tf.cast(both, tf.float32))


def majority_in_tensorflow(train_labels, test_labels):
    import tensorflow as tf

    majority = tf.argmax(tf.math.bincount(train_labels))
    return tf.reduce_mean(tf.cast(test_labels == majority, tf.float32))


def filter_in_tensorflow(example):
    import tensorflow as tf

    is_difficult = example["objects"]["is_difficult"]
    return tf.logical_and(tf.size(is_difficult) == 1, tf.logical_not(tf.reduce_any(is_difficult)))


def bias_in_tensorflow(all_labels, single_labels, num_classes):
    import tensorflow as tf

    before, after = (tf.reduce_mean(tf.one_hot(each, num_classes), axis=0) for each in (all_labels, single_labels))
    return tf.argmax(after - before)


def flip_in_tensorflow(image, boxes):
    import tensorflow as tf

    xmin, ymin, xmax, ymax = tf.unstack(boxes, axis=1)
    return tf.reverse(image, [1]), tf.stack([1 - xmax, ymin, 1 - xmin, ymax], axis=1)


def crop_in_tensorflow(boxes, window):
    import tensorflow as tf

    origin, size = tf.tile(window[:2], [2]), tf.tile(window[2:] - window[:2], [2])
    return tf.clip_by_value((boxes - origin) / size, 0.0, 1.0)


def soft_argmax_in_tensorflow(heatmap):
    import tensorflow as tf

    height, width = heatmap.shape
    shares = tf.reshape(tf.nn.softmax(tf.reshape(heatmap, [-1])), [height, width])
    x = tf.reduce_sum(tf.reduce_sum(shares, axis=0) * tf.linspace(0.0, 1.0, width))
    y = tf.reduce_sum(tf.reduce_sum(shares, axis=1) * tf.linspace(0.0, 1.0, height))
    return x, y


def units_in_tensorflow(weight, box_loss, image_size):
    import tensorflow as tf

    return weight * tf.pow(float(image_size), {"l2": 2.0, "l1": 1.0, "giou": 0.0}[box_loss])


def front_in_tensorflow(accuracy, mean_iou):
    import tensorflow as tf

    as_good = (accuracy[None] >= accuracy[:, None]) & (mean_iou[None] >= mean_iou[:, None])
    better = (accuracy[None] > accuracy[:, None]) | (mean_iou[None] > mean_iou[:, None])
    return tf.where(~tf.reduce_any(as_good & better, axis=1))[:, 0]


def choose_in_tensorflow(rows):
    import tensorflow as tf

    names = sorted({row["setting"] for row in rows})
    numbers = tf.constant([names.index(row["setting"]) for row in rows])
    means = tf.math.unsorted_segment_mean(tf.constant([row["clsloc"] for row in rows]), numbers, len(names))
    return names[int(tf.argmax(means))]


def difference_in_tensorflow(first, second):
    import tensorflow as tf

    each = tf.reduce_mean(first - second, axis=0)
    count = each.shape[0]
    variance = tf.reduce_sum((each - tf.reduce_mean(each)) ** 2) / (count - 1)
    return tf.reduce_mean(each), 1.96 * tf.sqrt(variance / count)


def learned_in_tensorflow(box_loss):
    import tensorflow as tf

    return tf.math.log(box_loss)


# --- keras.ops --------------------------------------------------------------------------------------------------------


def convert_in_keras(box, height, width):
    from keras import ops

    corners = ops.concatenate([box[:2], box[:2] + box[2:]])
    return ops.divide(corners, ops.array([width, height, width, height]))


def iou_in_keras(box, others):
    from keras import ops

    sides = ops.minimum(box[2:], others[:, 2:]) - ops.maximum(box[:2], others[:, :2])
    shared = ops.prod(ops.relu(sides), axis=-1)
    areas = ops.prod(others[:, 2:] - others[:, :2], axis=-1) + ops.prod(box[2:] - box[:2])
    return shared / (areas - shared)


def clsloc_in_keras(true_label, predicted_label, iou):
    from keras import ops

    return ops.mean(ops.logical_and(ops.equal(true_label, predicted_label), iou >= 0.5))


def majority_in_keras(train_labels, test_labels):
    from keras import ops

    majority = ops.argmax(ops.bincount(train_labels))
    return ops.mean(ops.equal(test_labels, majority))


def filter_in_keras(example):
    from keras import ops

    is_difficult = example["objects"]["is_difficult"]
    return ops.logical_and(ops.size(is_difficult) == 1, ops.logical_not(ops.any(is_difficult)))


def bias_in_keras(all_labels, single_labels, num_classes):
    from keras import ops

    after, before = (ops.mean(ops.one_hot(each, num_classes), axis=0) for each in (single_labels, all_labels))
    return ops.argmax(after - before)


def flip_in_keras(image, boxes):
    from keras import ops

    return ops.flip(image, axis=1), ops.stack([1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]], axis=-1)


def crop_in_keras(boxes, window):
    from keras import ops

    origin, size = ops.tile(window[:2], 2), ops.tile(window[2:] - window[:2], 2)
    return ops.clip((boxes - origin) / size, 0, 1)


def soft_argmax_in_keras(heatmap):
    from keras import ops

    height, width = heatmap.shape
    shares = ops.reshape(ops.softmax(ops.reshape(heatmap, (-1,))), (height, width))
    x = ops.sum(ops.sum(shares, axis=0) * ops.linspace(0, 1, width))
    y = ops.sum(ops.sum(shares, axis=1) * ops.linspace(0, 1, height))
    return ops.stack([x, y])


def units_in_keras(weight, box_loss, image_size):
    from keras import ops

    return ops.multiply(weight, ops.power(image_size, ["giou", "l1", "l2"].index(box_loss)))


def front_in_keras(accuracy, mean_iou):
    from keras import ops

    as_good = ops.logical_and(accuracy[None] >= accuracy[:, None], mean_iou[None] >= mean_iou[:, None])
    better = ops.logical_or(accuracy[None] > accuracy[:, None], mean_iou[None] > mean_iou[:, None])
    return ops.nonzero(ops.logical_not(ops.any(ops.logical_and(as_good, better), axis=1)))[0]


def choose_in_keras(rows):
    from keras import ops

    names = list(dict.fromkeys(row["setting"] for row in rows))
    means = [ops.mean(ops.array([row["clsloc"] for row in rows if row["setting"] == name])) for name in names]
    return names[int(ops.argmax(ops.stack(means)))]


def difference_in_keras(first, second):
    from keras import ops

    each = ops.mean(first - second, axis=0)
    count = ops.shape(each)[0]
    return ops.mean(each), 1.96 * ops.std(each) * (count / (count - 1)) ** 0.5 / count**0.5


def learned_in_keras(box_loss):
    from keras import ops

    return ops.log(box_loss)


STYLES = {
    key: [answer for name, answer in list(globals().items()) if name.startswith(f"{key[3:]}_")]
    for key in (
        "01.convert", "01.iou", "01.clsloc", "01.majority", "02.filter", "02.bias", "02.flip", "02.crop",
        "03.soft_argmax", "04.units", "04.front", "04.choose", "04.difference", "04.learned",
    )
}  # fmt: skip
"""Key -> right answers."""
