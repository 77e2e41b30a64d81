"""Answers to every exercise as learners write them: right ones in several ways, wrong ones with the hint that fits."""

import numpy as np
import pytest

from clsloc_utils import boxes, exercises
from clsloc_utils.exercises import Status
from clsloc_utils.joints import FLIP_ORDER

# --- 01 ---------------------------------------------------------------------------------------------------------------


def convert_with_package(box, height, width):
    return boxes.convert(box, "xywh", "rel_xyxy", image_shape=(height, width))


def convert_stepwise(xywh, h, w):
    left, top = float(xywh[0]) / w, float(xywh[1]) / h
    return left, top, left + float(xywh[2]) / w, top + float(xywh[3]) / h


def convert_corner_forgotten(box, height, width):
    return np.asarray(box) / np.array([width, height, width, height])


def convert_in_pixels(box, height, width):
    box[2:] += box[:2]
    return box


def convert_axes_swapped(box, height, width):
    x, y, w, h = box
    return [x / height, y / width, (x + w) / height, (y + h) / width]


def convert_to_yxyx(box, height, width):
    return boxes.convert(box, "xywh", "rel_yxyx", image_shape=(height, width))


def iou_in_a_loop(box, others):
    found = []
    for other in others:
        width = min(box[2], other[2]) - max(box[0], other[0])
        height = min(box[3], other[3]) - max(box[1], other[1])
        shared = max(width, 0) * max(height, 0)
        both = (box[2] - box[0]) * (box[3] - box[1]) + (other[2] - other[0]) * (other[3] - other[1])
        found.append(shared / (both - shared))
    return found


def iou_in_tensorflow(a, many):
    import tensorflow as tf

    a, many = tf.cast(a, tf.float32), tf.cast(many, tf.float32)
    shared = tf.reduce_prod(tf.nn.relu(tf.minimum(a[2:], many[:, 2:]) - tf.maximum(a[:2], many[:, :2])), axis=1)
    area = tf.reduce_prod(a[2:] - a[:2]) + tf.reduce_prod(many[:, 2:] - many[:, :2], axis=1)
    return shared / (area - shared)


def iou_without_clipping(box, others):
    found = []
    for other in others:
        shared = (min(box[2], other[2]) - max(box[0], other[0])) * (min(box[3], other[3]) - max(box[1], other[1]))
        both = (box[2] - box[0]) * (box[3] - box[1]) + (other[2] - other[0]) * (other[3] - other[1])
        found.append(shared / (both - shared))
    return found


def iou_counting_twice(box, others):
    both = [(box[2] - box[0]) * (box[3] - box[1]) + (o[2] - o[0]) * (o[3] - o[1]) for o in others]
    shared = np.array(iou_in_a_loop(box, others)) * both / (1 + np.array(iou_in_a_loop(box, others)))
    return shared / np.array(both)


def iou_of_the_first_area(box, others):
    area = float(boxes.area(box))
    return [float(boxes.area(shared_box(box, other))) / area for other in others]


def shared_box(box, other):
    return [max(box[0], other[0]), max(box[1], other[1]), min(box[2], other[2]), min(box[3], other[3])]


def iou_averaged(box, others):
    return sum(iou_in_a_loop(box, others)) / len(others)


def clsloc_in_a_loop(true_label, predicted_label, iou):
    hits = 0
    for true, predicted, value in zip(true_label, predicted_label, iou, strict=True):
        if true == predicted and value >= 0.5:
            hits += 1
    return hits / len(iou)


def clsloc_in_keras(labels, found, overlap):
    from keras import ops

    both = ops.logical_and(ops.equal(labels, found), ops.greater_equal(overlap, 0.5))
    return ops.mean(ops.cast(both, "float32"))


def clsloc_as_product(true_label, predicted_label, iou):
    right, found = sum(true_label == predicted_label), sum(iou >= 0.5)
    return right / len(iou) * found / len(iou)


def clsloc_too_strict(true_label, predicted_label, iou):
    return len([1 for t, p, i in zip(true_label, predicted_label, iou, strict=True) if t == p and i > 0.5]) / len(iou)


def majority_by_counting(train, test):
    counts = {}
    for label in train:
        counts[label] = counts.get(label, 0) + 1
    best = max(counts, key=counts.get)
    return len([label for label in test if label == best]) / len(test)


def majority_by_unique(train_labels, test_labels):
    names, counts = np.unique(train_labels, return_counts=True)
    return np.float32((test_labels == names[np.argmax(counts)]).mean())


def majority_of_the_test(train_labels, test_labels):
    return majority_by_counting(test_labels, test_labels)


def majority_of_the_training(train_labels, test_labels):
    return majority_by_counting(train_labels, train_labels)


# --- 02 ---------------------------------------------------------------------------------------------------------------


def exclude_in_tensorflow(example):
    import tensorflow as tf

    objects = example["objects"]
    one = tf.equal(tf.shape(objects["bbox"])[0], 1)
    return tf.logical_and(one, tf.logical_not(tf.reduce_any(objects["is_difficult"])))


def exclude_in_python(item):
    flags = list(item["objects"]["is_difficult"])
    return flags == [False]


def exclude_by_classes(example):
    return example["labels"].size == 1 and not any(example["objects"]["is_difficult"])


def exclude_difficult_forgotten(example):
    return example["objects"]["label"].shape[0] == 1


def exclude_as_ignore(example):
    easy = [flag for flag in example["objects"]["is_difficult"] if not flag]
    return len(easy) == 1


def exclude_after_decoding(example):
    import tensorflow as tf

    image = tf.image.decode_jpeg(example["image"], channels=3)
    return image is not None and exclude_in_python(example)


def bias_in_a_loop(before, after, classes):
    best, winner = -2.0, None
    for label in range(classes):
        gain = list(after).count(label) / len(after) - list(before).count(label) / len(before)
        if gain > best:
            best, winner = gain, label
    return winner


def bias_by_mean(all_labels, single_labels, num_classes):
    return np.array([np.mean(single_labels == c) - np.mean(all_labels == c) for c in range(num_classes)]).argmax()


def bias_of_counts(all_labels, single_labels, num_classes):
    return max(range(num_classes), key=lambda c: sum(single_labels == c) - sum(all_labels == c))


def bias_most_frequent(all_labels, single_labels, num_classes):
    return max(range(num_classes), key=list(single_labels).count)


def bias_loser(all_labels, single_labels, num_classes):
    return min(range(num_classes), key=lambda c: np.mean(single_labels == c) - np.mean(all_labels == c))


def flip_in_place(image, boxes):
    left, right = boxes[:, 0].copy(), boxes[:, 2].copy()
    boxes[:, 0], boxes[:, 2] = 1 - right, 1 - left
    return np.flip(image, axis=1), boxes


def flip_in_tensorflow(picture, rectangles):
    import tensorflow as tf

    xmin, ymin, xmax, ymax = tf.unstack(tf.constant(rectangles, tf.float32), axis=1)
    return [tf.image.flip_left_right(picture), tf.stack([1 - xmax, ymin, 1 - xmin, ymax], axis=1)]


def flip_inside_out(image, boxes):
    boxes[:, [0, 2]] = 1 - boxes[:, [0, 2]]
    return np.fliplr(image), boxes


def flip_upside_down(image, boxes):
    return np.flipud(image), flip_in_place(image, boxes)[1]


def flip_overwritten(image, boxes):
    boxes[:, 0] = 1 - boxes[:, 2]
    boxes[:, 2] = 1 - boxes[:, 0]
    return image[:, ::-1], boxes


def flip_both_bugs(image, boxes):
    flipped = boxes.copy()
    flipped[:, 0] = 1 - boxes[:, 0]
    flipped[:, 2] = 1 - boxes[:, 2]
    return image[::-1], flipped


def crop_in_a_loop(boxes, window):
    left, top, right, bottom = window
    width, height = right - left, bottom - top
    cut = []
    for xmin, ymin, xmax, ymax in boxes:
        moved = [(xmin - left) / width, (ymin - top) / height, (xmax - left) / width, (ymax - top) / height]
        cut.append([min(max(side, 0), 1) for side in moved])
    return cut


def crop_clipped_first(rectangles, cut):
    inside = np.clip(rectangles, [cut[0], cut[1]] * 2, [cut[2], cut[3]] * 2)
    return ((inside - cut[[0, 1, 0, 1]]) / (cut[[2, 3, 2, 3]] - cut[[0, 1, 0, 1]])).astype("float32")


def crop_unclipped(boxes, window):
    return (boxes - window[[0, 1, 0, 1]]) / (window[[2, 3, 2, 3]] - window[[0, 1, 0, 1]])


def crop_unscaled(boxes, window):
    return np.maximum(0, np.minimum(1, boxes - window[[0, 1, 0, 1]]))


def crop_unshifted(boxes, window):
    return (boxes / (window[[2, 3, 2, 3]] - window[[0, 1, 0, 1]])).clip(0, 1)


RESIZED = "tf.image.resize_with_pad(image, image_size, image_size)"
FILLED = "tf.stack([height, width]) * float(image_size) / tf.minimum(height, width)"
SHORTER_SIDE = f"tf.image.resize(image, tf.cast({FILLED}, tf.int32))"
MOVED_X = "        xmin, xmax = xmin * width + left, xmax * width + left\n"
MOVED_Y = "        ymin, ymax = ymin * height + above, ymax * height + above\n"


def pipeline_with(changes=None):
    """The solution with changes in its source, made when it is needed: TensorFlow takes seconds to import."""

    def make():
        import tensorflow as tf

        source = exercises.EXERCISES["02.pipeline"].solution
        for old, new in (changes or {}).items():
            assert old in source, old
            source = source.replace(old, new)
        names = {"tf": tf}
        exec(compile(source, "answer", "exec"), names)
        return names["padded_pipeline"]

    return make


def pipeline_in_the_corner():
    """Bars on the right and below only."""
    import tensorflow as tf

    def make(dataset, side, batch):
        def parse(item):
            image = tf.image.decode_jpeg(item["image"])
            shape = tf.shape(image)
            longer = tf.maximum(shape[0], shape[1])
            square = tf.image.pad_to_bounding_box(image, 0, 0, longer, longer)
            unit = tf.cast(tf.stack([shape[1], shape[0], shape[1], shape[0]]), tf.float32) / tf.cast(longer, tf.float32)
            targets = {
                "label": item["objects"]["label"][0],
                "box": tf.gather(item["objects"]["bbox"][0], [1, 0, 3, 2]) * unit,
            }
            return tf.reshape(tf.image.resize(square, (side, side)), (side, side, 3)), targets

        return dataset.filter(lambda item: tf.shape(item["objects"]["bbox"])[0] == 1).map(parse).batch(batch)

    return make


# --- 03 ---------------------------------------------------------------------------------------------------------------


def pooling_in_keras(features):
    import keras

    return keras.layers.GlobalAveragePooling2D()(features)


def pooling_in_loops(maps):
    return [[float(np.mean(image[..., channel])) for channel in range(image.shape[-1])] for image in maps]


def soft_argmax_by_grid(heatmap):
    from scipy.special import softmax

    ys, xs = np.mgrid[0 : 1 : heatmap.shape[0] * 1j, 0 : 1 : heatmap.shape[1] * 1j]
    shares = softmax(heatmap)
    return [(shares * xs).sum(), (shares * ys).sum()]


def soft_argmax_in_a_loop(scores):
    rows, columns = scores.shape
    top, total, x, y = scores.max(), 0.0, 0.0, 0.0
    for row in range(rows):
        for column in range(columns):
            weight = np.exp(scores[row, column] - top)
            total, x, y = total + weight, x + weight * column / (columns - 1), y + weight * row / (rows - 1)
    return x / total, y / total


def soft_argmax_y_first(heatmap):
    x, y = soft_argmax_in_a_loop(heatmap)
    return np.array([y, x])


def soft_argmax_in_cells(heatmap):
    from scipy.special import softmax

    shares = softmax(heatmap)
    return [shares.sum(0) @ np.arange(heatmap.shape[1]), shares.sum(1) @ np.arange(heatmap.shape[0])]


def soft_argmax_of_centres(heatmap):
    shares = np.exp(heatmap - heatmap.max())
    shares = shares / shares.sum()
    rows, columns = heatmap.shape
    return shares.sum(0) @ ((np.arange(columns) + 0.5) / columns), shares.sum(1) @ ((np.arange(rows) + 0.5) / rows)


def soft_argmax_hard(heatmap):
    y, x = divmod(int(np.argmax(heatmap)), heatmap.shape[1])
    return [x / (heatmap.shape[1] - 1), y / (heatmap.shape[0] - 1)]


def soft_argmax_overflowing(heatmap):
    shares = np.exp(heatmap)
    shares = shares / shares.sum()
    return [shares.sum(0) @ np.linspace(0, 1, heatmap.shape[1]), shares.sum(1) @ np.linspace(0, 1, heatmap.shape[0])]


def wiring(**changes):
    """A right wiring with changes, made when it is needed: Keras takes seconds to import."""

    def make():
        from keras import losses

        from clsloc_utils import metrics

        right = {
            "loss": {"label": losses.SparseCategoricalCrossentropy(from_logits=True), "box": "mean_absolute_error"},
            "loss_weights": {"label": 1.0, "box": 5.0},
            "metrics": {"label": ["accuracy"], "box": [metrics.MeanBoxIoU()]},
        }
        return right | {name: change(right[name]) for name, change in changes.items()}

    return make


def own_wiring():
    import tensorflow as tf

    from clsloc_utils.metrics import BoxAccuracy, MeanBoxIoU

    def label_loss(y_true, y_pred):
        return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(y_true, tf.int32), y_pred)

    return {
        "metrics": {"box": [MeanBoxIoU(), BoxAccuracy()]},
        "loss": {"box": lambda true, predicted: abs(true - predicted), "label": label_loss},
        "loss_weights": {"box": 1, "label": 0.2},
    }


def label_loss(make):
    from keras import losses

    return lambda loss: loss | {"label": make(losses)}


def unfreeze_in_a_loop(backbone):
    from keras.layers import BatchNormalization

    backbone.trainable = True
    for layer in backbone.layers:
        if isinstance(layer, BatchNormalization):
            layer.trainable = False
    return backbone


def unfreeze_by_name(network):
    network.trainable = True
    for layer in network.layers:
        layer.trainable = "Normalization" not in type(layer).__name__
    return network


def unfreeze_everything(backbone):
    for layer in backbone.layers:
        layer.trainable = "BatchNormalization" not in str(type(layer))
    backbone.trainable = True
    return backbone


def unfreeze_nothing(backbone):
    for layer in backbone.layers:
        layer.trainable = "BatchNormalization" not in str(type(layer))
    return backbone


def unfreeze_the_wrong_ones(backbone):
    backbone.trainable = True
    for layer in backbone.layers:
        layer.trainable = layer.name.startswith("norm")
    return backbone


# --- 04 ---------------------------------------------------------------------------------------------------------------


def units_by_cases(weight, box_loss, image_size):
    if box_loss == "l2":
        return weight * image_size * image_size
    return weight * image_size if box_loss == "l1" else weight


def units_by_table(w, name, size):
    return np.float32(w * {"l1": size, "l2": size**2, "giou": 1}[name])


def units_divided(weight, box_loss, image_size):
    return weight / units_by_cases(1.0, box_loss, image_size)


def units_never_squared(weight, box_loss, image_size):
    return weight if box_loss == "giou" else weight * image_size


def units_always_squared(weight, box_loss, image_size):
    return weight * image_size * image_size


def front_in_loops(accuracy, mean_iou):
    kept = []
    for i in range(len(accuracy)):
        beaten = False
        for j in range(len(accuracy)):
            if accuracy[j] > accuracy[i] and mean_iou[j] > mean_iou[i]:
                beaten = True
        if not beaten:
            kept.append(i)
    return kept[::-1]


def front_by_sorting(a, b):
    front, best = set(), -1.0
    for index in np.argsort(-a):
        if b[index] > best:
            front.add(int(index))
            best = b[index]
    return front


def front_as_mask(a, b):
    return np.isin(np.arange(len(a)), front_in_loops(a, b))


def front_complement(accuracy, mean_iou):
    return [i for i in range(len(accuracy)) if i not in front_in_loops(accuracy, mean_iou)]


def front_ends(accuracy, mean_iou):
    return list({int(np.argmax(accuracy)), int(np.argmax(mean_iou))})


def front_best_sum(accuracy, mean_iou):
    return [max(range(len(accuracy)), key=lambda i: (accuracy[i] + mean_iou[i]) / 2)]


def means_of(rows, column):
    names = sorted({row["setting"] for row in rows})
    return {name: np.mean([row[column] for row in rows if row["setting"] == name]) for name in names}


def choose_by_mean(rows):
    means = means_of(rows, "clsloc")
    return max(means, key=means.get)


def choose_in_a_loop(table):
    best, winner = 0, ""
    for name in [row["setting"] for row in table]:
        scores = [row["clsloc"] for row in table if row["setting"] == name]
        if sum(scores) / len(scores) > best:
            best, winner = sum(scores) / len(scores), name
    return winner


def choose_by_loss(rows):
    means = means_of(rows, "val_loss")
    return min(means, key=means.get)


def choose_by_test(rows):
    means = means_of(rows, "test_clsloc")
    return max(means, key=means.get)


def choose_luckiest(rows):
    return sorted(rows, key=lambda row: row["clsloc"])[-1]["setting"]


def choose_by_class(rows):
    means = means_of(rows, "accuracy")
    return max(means, key=means.get)


def choose_by_worst_seed(rows):
    scores = {}
    for row in rows:
        scores.setdefault(row["setting"], []).append(row["clsloc"])
    return max(scores, key=lambda name: min(scores[name]))


def overlap_negated(first, second):
    return not (min(first) > max(second) or min(second) > max(first))


def overlap_by_sweep(a, b):
    return np.bool_(np.maximum(np.min(a), np.min(b)) <= np.minimum(np.max(a), np.max(b)))


def learned_by_grid(box_loss):
    grid = np.linspace(-6, 3, 9001)
    return grid[np.argmin(np.exp(-grid) * box_loss / 2 + grid / 2)]


def learned_by_scipy(loss):
    from scipy.optimize import minimize_scalar

    return minimize_scalar(lambda s: np.exp(-s) * loss / 2 + s / 2).x


# --- 05 ---------------------------------------------------------------------------------------------------------------


def joints_flipped_in_place(joints):
    joints[:, 0] = 1 - joints[:, 0]
    joints[[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]] = joints[[5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6]]
    return joints


def joints_flipped_in_a_loop(points):
    return [[1 - float(points[row][0]), float(points[row][1])] for row in FLIP_ORDER]


def joints_not_swapped(joints):
    return np.array([[1 - x, y] for x, y in joints])


def joints_not_moved(joints):
    return [joints[row] for row in FLIP_ORDER]


def joints_upside_down(joints):
    return np.take(joints * [1, -1] + [0, 1], FLIP_ORDER, axis=0)


def mask_in_a_loop(true, predicted, weight):
    errors = []
    for t, p, w in zip(true, predicted, weight, strict=True):
        if w > 0:
            errors += [abs(t[0] - p[0]), abs(t[1] - p[1])]
    return sum(errors) / len(errors)


def mask_in_tensorflow(y_true, y_pred, w):
    import tensorflow as tf

    keep = w > 0
    return tf.reduce_mean(tf.abs(tf.boolean_mask(y_true, keep) - tf.boolean_mask(y_pred, keep)))


def mask_forgotten(true, predicted, weight):
    return float(np.nanmean(np.abs(true - predicted))) if np.isnan(true).any() else np.abs(true - predicted).mean()


def mask_divided_by_all(true, predicted, weight):
    total = sum(abs(t - p).sum() for t, p, w in zip(true, predicted, weight, strict=True) if w)
    return total / true.size


def mask_with_nan(true, predicted, weight):
    return np.average(np.abs(true - predicted).mean(axis=1), weights=weight)


def mask_per_joint(true, predicted, weight):
    return np.abs(true - predicted)[weight == 1].sum() / sum(weight)


def pck_in_a_loop(true, predicted, weight):
    torso = ((true[2][0] - true[9][0]) ** 2 + (true[2][1] - true[9][1]) ** 2) ** 0.5
    right = counted = 0
    for joint in range(14):
        if weight[joint] == 0:
            continue
        counted += 1
        distance = sum((true[joint] - predicted[joint]) ** 2) ** 0.5
        right += distance <= 0.2 * torso
    return right / counted


def pck_of_the_package(joints, found, labelled):
    from clsloc_utils.metrics import PCK

    pck = PCK(0.2)
    pck.update_state(joints[None], found[None], labelled[None])
    return pck.result()


def pck_unmasked(true, predicted, weight):
    return pck_in_a_loop(true, predicted, np.ones(14))


def pck_of_the_image(true, predicted, weight):
    return (np.sqrt(((true - predicted) ** 2).sum(1))[weight > 0] <= 0.2).mean()


def pck_divided_by_14(true, predicted, weight):
    return pck_in_a_loop(true, predicted, weight) * sum(weight) / 14


def pck_of_the_predicted_torso(true, predicted, weight):
    error = np.hypot(*(true - predicted).T)[weight > 0]
    return np.mean(error <= 0.2 * np.hypot(*(predicted[2] - predicted[9])))


def pck_of_each_coordinate(true, predicted, weight):
    error = np.abs(true - predicted)[weight > 0]
    return np.mean(error <= 0.2 * np.hypot(*(true[2] - true[9])))


def pck_of_the_left_side(true, predicted, weight):
    error = np.hypot(*(true - predicted).T)[weight > 0]
    return np.mean(error <= 0.2 * np.hypot(*(true[3] - true[9])))


def pcp_by_hand(true, predicted):
    length = np.hypot(*(true[0] - true[1]))
    near, far = (np.hypot(*(true[end] - predicted[end])) for end in (0, 1))
    bar = 0.5 * length + 1e-9
    return near <= bar and far <= bar, (near + far) / 2 <= bar


def pcp_in_keras(limb, found):
    from keras import ops

    errors = ops.norm(ops.cast(limb - found, "float32"), axis=1) / ops.cast(
        np.linalg.norm(limb[0] - limb[1]), "float32"
    )
    return np.array([ops.max(errors) <= 0.50001, ops.mean(errors) <= 0.50001])


def pcp_swapped(true, predicted):
    return pcp_by_hand(true, predicted)[::-1]


def pcp_full_length(true, predicted):
    return pcp_by_hand(true * [1, 2], true * [1, 2] + predicted - true)


def pcp_strict_twice(true, predicted):
    strict, _ = pcp_by_hand(true, predicted)
    return [strict, strict]


def pcp_loose_by_any_end(true, predicted):
    strict, _ = pcp_by_hand(true, predicted)
    errors = np.hypot(*(true - predicted).T)
    return strict, np.any(errors <= np.hypot(*(true[0] - true[1])) / 2)


# Key -> right answers, and wrong ones with words of the hint that they get.
RIGHT = {
    "01.outputs": [7 + 4, np.float32(11)],
    "01.convert": [convert_with_package, convert_stepwise],
    "01.iou": [iou_in_a_loop, iou_in_tensorflow, lambda box, others: boxes.iou(box[None], others)],
    "01.clsloc": [clsloc_in_a_loop, clsloc_in_keras],
    "01.fooled": [
        ([0, 0, 0.3, 0.2], [0.5, 0.6, 0.8, 0.7]),
        np.array([[0.1, 0.1, 0.2, 0.9], [0.3, 0.3, 0.4, 0.95]], "f"),
        ([0, 0, 0.2, 0.3], [0.2, 0.3, 0.7, 0.8]),
    ],
    "01.majority": [majority_by_counting, majority_by_unique],
    "02.filter": [
        exclude_in_tensorflow,
        exclude_in_python,
        lambda e: np.sum(~e["objects"]["is_difficult"]) == len(e["objects"]["label"]) == 1,
    ],
    "02.bias": [bias_in_a_loop, bias_by_mean],
    "02.flip": [flip_in_place, flip_in_tensorflow],
    "02.crop": [crop_in_a_loop, crop_clipped_first],
    "02.pipeline": [pipeline_with(), pipeline_in_the_corner, pipeline_with({".prefetch(tf.data.AUTOTUNE)": ""})],
    "03.parameters": [3480, 20 * 145 + 4 * 145.0],
    "03.pooling": [pooling_in_keras, pooling_in_loops],
    "03.soft_argmax": [soft_argmax_by_grid, soft_argmax_in_a_loop],
    "03.loss_calls": [(20,), [20]],
    "03.wiring": [wiring(), own_wiring, wiring(metrics=lambda metrics: metrics | {"label": None})],
    "03.unfreeze": [unfreeze_in_a_loop, unfreeze_by_name],
    "04.units": [units_by_cases, units_by_table],
    "04.scale": [0.01, 0.1 / 10],
    "04.front": [front_in_loops, front_by_sorting, front_as_mask],
    "04.choose": [choose_by_mean, choose_in_a_loop],
    "04.overlap": [overlap_negated, overlap_by_sweep],
    "04.learned": [np.log, learned_by_grid, learned_by_scipy],
    "05.numbers": [42, 21 * 2.0],
    "05.flip": [joints_flipped_in_place, joints_flipped_in_a_loop],
    "05.mask": [mask_in_a_loop, mask_in_tensorflow],
    "05.pck": [pck_in_a_loop, pck_of_the_package],
    "05.pcp": [pcp_by_hand, pcp_in_keras],
}
WRONG = {
    "01.outputs": [
        (5, "score for each"),
        (7, "box is part"),
        (9, "two corners"),
        (35, "one box"),
        (12, "Read the row"),
    ],
    "01.convert": [
        (convert_corner_forgotten, "add them to the first two"),
        (convert_in_pixels, "still pixels"),
        (convert_axes_swapped, "Height and width are swapped"),
        (convert_to_yxyx, "rel_yxyx, with y first"),
        (lambda box, height, width: box * 0, "in this order"),
    ],
    "01.iou": [
        (iou_without_clipping, "Clip both at 0"),
        (iou_counting_twice, "Subtract it once"),
        (iou_of_the_first_area, "area of `box` alone"),
        (iou_averaged, "not their mean"),
    ],
    "01.clsloc": [
        (clsloc_as_product, "multiply two averages"),
        (clsloc_too_strict, "exactly 0.5"),
        (lambda t, p, i: np.mean(t == p), "plain class accuracy"),
        (lambda t, p, i: np.mean(np.logical_or(t == p, i >= 0.5)), "class *or* the box"),
        (lambda t, p, i: clsloc_in_a_loop(t, p, i) * len(t), "Divide by the number of images"),
    ],
    "01.fooled": [
        (([0, 0, 0.5, 0.5], [0.4, 0.4, 1, 1]), "overlap, IoU 0.017"),
        (([0, 0, 0.3, 0.2], [0.5, 0.6, 0.8, 0.9]), "different places"),
        (([0.5, 0, 0.3, 0.2], [0.5, 0.6, 0.8, 0.7]), "inside out"),
        (([0, 0, 30, 20], [50, 60, 80, 70]), "inside the image"),
        ([0, 0, 0.3, 0.2], "shape (4,)"),
    ],
    "01.majority": [
        (majority_of_the_test, "only seen the training images"),
        (majority_of_the_training, "asked for on the test images"),
        (lambda train, test: np.bincount(train).argmax(), "class itself"),
        (lambda train, test: np.count_nonzero(test == np.bincount(train).argmax()), "number of hits"),
    ],
    "02.filter": [
        (exclude_by_classes, "You count `labels`"),
        (exclude_difficult_forgotten, "That is `count`"),
        (exclude_as_ignore, "That is `ignore`"),
        (exclude_after_decoding, "image is decoded"),
        (lambda example: not exclude_in_python(example), "other way round"),
        (
            lambda example: len(example["objects"]["label"]) < 2 and not sum(example["objects"]["is_difficult"]),
            "without any",
        ),
    ],
    "02.bias": [
        (bias_of_counts, "compare counts"),
        (bias_most_frequent, "most frequent class after"),
        (bias_loser, "loses most"),
    ],
    "02.flip": [
        (flip_both_bugs, "upside down. And the boxes are inside out"),
        (flip_inside_out, "inside out"),
        (flip_upside_down, "upside down"),
        (flip_overwritten, "overwritten"),
        (lambda image, boxes: (np.fliplr(image), boxes), "stayed behind"),
    ],
    "02.crop": [
        (crop_unclipped, "clip to 0..1"),
        (crop_unscaled, "divide by the width"),
        (crop_unshifted, "not shifted"),
        (lambda boxes, window: boxes, "Subtract the window's"),
    ],
    "02.pipeline": [
        (pipeline_with({RESIZED: "tf.image.resize(image, (image_size, image_size))"}), "was squeezed"),
        (
            pipeline_with({RESIZED: f"tf.image.resize_with_crop_or_pad({SHORTER_SIDE}, image_size, image_size)"}),
            "shorter",
        ),
        (pipeline_with({"[xmin, ymin, xmax, ymax]) /": "[ymin, xmin, ymax, xmax]) /"}), "y first"),
        (pipeline_with({" + left": "", " + above": ""}), "by the padding"),
        (pipeline_with({") / longer\n": ") / longer * image_size\n"}), "in pixels"),
        (pipeline_with({MOVED_X: "", MOVED_Y: "", ") / longer\n": ")\n"}), "box in the stored picture. The"),
        (pipeline_with({"examples.filter(has_one_object)": "examples"}), "Filter first"),
        (pipeline_with({"kept.map": "kept.shuffle(99, seed=1).map"}), "do not shuffle"),
        (pipeline_with({"(batch_size)": "(batch_size, drop_remainder=True)"}), "is lost"),
        (pipeline_with({".batch(batch_size)": ""}), "with .batch"),
        (pipeline_with({RESIZED: f"{RESIZED} / 255"}), "from 0 to 1"),
        (pipeline_with({"return kept": "return list(kept", "TUNE)\n": "TUNE))\n"}), "this is list"),
        (pipeline_with({'"box": box': '"bbox": box'}), "are asked for"),
        (pipeline_with({RESIZED: f"tf.cast({RESIZED}, tf.uint8)"}), "should be float32"),
        (pipeline_with({"], tf.int32)": "], tf.float32)"}), "whole number"),
        (pipeline_with({"tf.maximum(height": "tf.maximum(heigth"}), "NameError"),
    ],
    "03.parameters": [
        (3456, "bias"),
        (2900, "box head has"),
        (580, "class head has"),
        (221208, "average leaves"),
        (0, "n x m"),
    ],
    "03.pooling": [
        (lambda f: np.mean(f, (1, 2, 3)), "each channel has its own"),
        (lambda f: np.mean(np.mean(f, 0), 0), "leave the width"),
        (lambda f: np.einsum("bhwc->bc", f), "That is the sum"),
        (lambda f: np.max(np.max(f, 1), 1), "maximum of each channel"),
    ],
    "03.soft_argmax": [
        (soft_argmax_y_first, "wrong order"),
        (soft_argmax_in_cells, "count in cells"),
        (soft_argmax_hard, "highest cell"),
        (soft_argmax_of_centres, "each cell at its centre"),
        (soft_argmax_overflowing, "Subtract the largest"),
    ],
    "03.loss_calls": [
        ((32, 20), "whole `y_true`"),
        ((4,), "second call"),
        (20, "needs a comma"),
        ([2], "no pair"),
        ((32, 4), "first call"),
        (7, "first row"),
    ],
    "03.wiring": [
        (wiring(loss_weights=lambda _: {"label": 5, "box": 1}), "wrong way round"),
        (wiring(loss_weights=lambda _: {"label": 1, "box": 1}), "not five to one"),
        (wiring(metrics=lambda _: {"box": ["accuracy"]}), "measures nothing"),
        (wiring(metrics=lambda _: {"label": ["accuracy"]}), "not measured by an IoU"),
        (wiring(loss=lambda loss: list(loss.values())), "no dict"),
        (wiring(loss=lambda loss: {"class": loss["label"], "bbox": loss["box"]}), "those of the outputs"),
        (wiring(loss=lambda loss: loss | {"box": "mse"}), "L2"),
        (wiring(loss=lambda loss: loss | {"label": "sparse_categorical_crossentropy"}), "from_logits=True"),
        (wiring(loss=lambda loss: loss | {"label": "categorical_crossentropy"}), "one-hot"),
        (lambda: {"loss": "mse"}, "loss, loss_weights, metrics"),
    ],
    "03.unfreeze": [
        (unfreeze_everything, "would learn too"),
        (unfreeze_nothing, "Nothing is thawed"),
        (unfreeze_the_wrong_ones, "other way round"),
    ],
    "04.units": [
        (units_divided, "wrong way"),
        (units_never_squared, "the size squared"),
        (units_always_squared, "Only L2 squares"),
        (lambda weight, box_loss, image_size: weight, "change with the units"),
    ],
    "04.scale": [(0.1, "for Adam"), (1, "hundred times"), (0.001, "not by ten squared"), (5, "keep the product")],
    "04.front": [
        (front_complement, "dominated ones"),
        (front_ends, "two ends"),
        (front_best_sum, "best on average"),
        (lambda a, b: [], "unless some other"),
    ],
    "04.choose": [
        (choose_by_loss, "own ruler"),
        (choose_by_test, "test images"),
        (choose_luckiest, "luckiest seed"),
        (choose_by_class, "class accuracy alone"),
        (choose_by_worst_seed, "worst seed"),
    ],
    "04.overlap": [
        (lambda a, b: not overlap_negated(a, b), "the opposite"),
        (lambda a, b: max(a) >= min(b), "second may lie"),
        (lambda a, b: max(b) >= min(a), "first may lie"),
        (lambda a, b: len(set(a) & set(b)) > 0, "in common."),
        (lambda a, b: True, "whatever the scores are"),
        (lambda a, b: not (max(a) <= min(b) or max(b) <= min(a)), "single point in common"),
        (lambda a, b: abs(np.mean(a) - np.mean(b)) < np.std(a) + np.std(b), "standard deviations"),
        (lambda a, b: a[-1] >= b[0] and b[-1] >= a[0], "not sorted"),
    ],
    "04.learned": [
        (lambda loss: loss, "That is the variance"),
        (lambda loss: np.log(loss) + np.log(2), "classification formula"),
        (lambda loss: -np.log(loss), "sign is wrong"),
        (lambda loss: np.log(loss) - np.log(2), "halves cancel"),
    ],
    "05.numbers": [(21, "cannot say where"), (63, "visible"), (28, "body"), (4, "each of the 21")],
    "05.flip": [
        (joints_not_swapped, "FLIP_ORDER"),
        (joints_not_moved, "have not moved"),
        (joints_upside_down, "upside down"),
        (lambda joints: [[1 - x, y] for x, y in joints][::-1], "An ankle would become a head"),
    ],
    "05.mask": [
        (lambda true, predicted, weight: np.abs(true - predicted).mean(), "coordinates are junk"),
        (mask_divided_by_all, "few labels"),
        (mask_with_nan, "0 times NaN"),
        (mask_per_joint, "A joint is two numbers"),
    ],
    "05.pck": [
        (pck_unmasked, "neither right nor wrong"),
        (pck_of_the_image, "0.2 of the image"),
        (pck_divided_by_14, "all 14"),
        (pck_of_the_predicted_torso, "torso of the prediction"),
        (pck_of_each_coordinate, "each coordinate for itself"),
        (pck_of_the_left_side, "from the left hip"),
        (lambda t, p, w: np.mean(np.sqrt(((t - p) ** 2).sum(1))[w > 0]), "mean error"),
    ],
    "05.pcp": [
        (pcp_swapped, "changed places"),
        (pcp_full_length, "not all of it"),
        (pcp_strict_twice, "the strict one"),
        (pcp_loose_by_any_end, "one end alone"),
    ],
}


def handed_in(key, answer):
    """The answer as `check` takes it: wirings and pipelines are made only now."""
    return answer() if key in ("02.pipeline", "03.wiring") else answer


@pytest.mark.parametrize("key", exercises.EXERCISES)
def test_right_answers_are_accepted_however_they_are_written(key):
    assert len(RIGHT[key]) >= 2
    for answer in RIGHT[key]:
        result = exercises.judge(key, handed_in(key, answer))
        assert result.status is Status.RIGHT, f"{answer}: {result}"
        assert result.message == exercises.EXERCISES[key].lesson


@pytest.mark.parametrize("key", exercises.EXERCISES)
def test_wrong_answers_get_the_hint_that_fits(key):
    assert len(WRONG[key]) >= 3
    hints = []
    for answer, words in WRONG[key]:
        result = exercises.judge(key, handed_in(key, answer))
        assert result.status is Status.WRONG, f"{answer}: {result}"
        hints.append(result.message.splitlines()[-1])
        assert words in hints[-1], f"{answer}: {result}"
    assert len(set(hints)) == len(hints)


@pytest.mark.parametrize("key", [key for key, each in exercises.EXERCISES.items() if hasattr(each.check, "mistakes")])
def test_every_known_mistake_is_noticed_and_told_from_the_others(key):
    """Inputs that do not tell two mistakes apart, or one from the right answer, send a learner the wrong way."""
    for mistake in exercises.EXERCISES[key].check.mistakes:
        result = exercises.judge(key, mistake.answer)
        assert result.status is Status.WRONG, mistake.hint
        assert result.message.endswith(mistake.hint)


@pytest.mark.parametrize(
    ("key", "answer", "words"),
    [
        ("04.front", lambda accuracy, mean_iou: [[0], [1, 2]], "yours: [[0], [1, 2]]"),
        ("04.front", lambda accuracy, mean_iou: {0, "x"}, "yours:"),
        ("03.wiring", wiring(loss_weights=lambda _: {"label": 1, "box": "five"}), "one number for each"),
        ("03.wiring", wiring(loss_weights=lambda _: {"label": [1], "box": [5, 5]}), "one number for each"),
    ],
)
def test_an_answer_of_the_wrong_kind_is_wrong_and_no_error_of_the_check(key, answer, words):
    result = exercises.judge(key, handed_in(key, answer))
    assert result.status is Status.WRONG
    assert words in result.message


@pytest.mark.parametrize("key", exercises.EXERCISES)
def test_placeholders_are_not_tried(key):
    for placeholder in (..., None, NotImplemented):
        assert exercises.judge(key, placeholder).status is Status.UNTRIED


def test_a_failing_input_is_shown_with_both_answers():
    lines = exercises.judge("01.iou", iou_without_clipping).message.splitlines()
    assert lines[0] == "  for:   box = [0.0, 0.0, 4.0, 2.0], others = [[6.0, 0.0, 8.0, 2.0]]"
    assert lines[1:3] == ["  yours: [-0.25]", "  right: [0.0]"]
